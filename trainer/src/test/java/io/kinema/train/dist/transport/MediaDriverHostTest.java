package io.kinema.train.dist.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.CollectivesConfig;
import io.kinema.train.dist.rendezvous.RankIdentity;
import io.kinema.train.dist.rendezvous.RendezvousAddress;
import io.kinema.train.dist.rendezvous.RendezvousServer;
import io.kinema.train.dist.rendezvous.Secret;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MediaDriverHostTest {
    @TempDir
    Path temporary;

    @Test
    void shouldDeleteItsDirectoryOnClose() throws Exception {
        MediaDriverHost driver = MediaDriverHost.start(2);
        Path directory = driver.directory();
        assertTrue(Files.exists(directory));
        driver.close();
        assertFalse(Files.exists(directory));
        driver.close();
    }

    @Test
    void shouldDeleteWhatAKilledLauncherLeftAndLeaveTheLivingAlone() throws Exception {
        try (MediaDriverHost living = MediaDriverHost.start(2)) {
            Process ended = new ProcessBuilder("true").start();
            assertTrue(ended.waitFor(5, TimeUnit.SECONDS));
            Path parent = living.directory().getParent();
            Path stale = Files.createDirectory(parent.resolve("kinema-aeron-" + ended.pid() + "-123"));
            Files.createFile(stale.resolve("cnc.dat"));
            Path unborn = Files.createDirectory(parent.resolve("kinema-aeron-" + ended.pid() + "-125"));
            Files.write(unborn.resolve("cnc.dat"), new byte[1 << 20]);
            Path young = Files.createDirectory(parent.resolve("kinema-aeron-" + ended.pid() + "-124"));
            Path unknown = Files.createDirectories(parent.resolve("kinema-aeron-of-somebody"));
            FileTime longAgo = FileTime.from(Instant.now().minusSeconds(600));
            Files.setLastModifiedTime(stale, longAgo);
            Files.setLastModifiedTime(unborn, longAgo);
            Files.setLastModifiedTime(unknown, longAgo);
            try (MediaDriverHost next = MediaDriverHost.start(2)) {
                assertFalse(Files.exists(stale));
                assertFalse(Files.exists(unborn));
                assertTrue(Files.exists(living.directory()));
                assertTrue(Files.exists(young));
                assertTrue(Files.exists(unknown));
                assertEquals(parent, next.directory().getParent());
            } finally {
                Files.delete(young);
                Files.delete(unknown);
            }
        }
    }

    @Test
    void shouldSayWhenNoDriverRuns() throws Exception {
        try (RendezvousServer server = RendezvousServer.start(
                new InetSocketAddress("127.0.0.1", 0), "run-a", 1, Duration.ofSeconds(5), Secret.NONE)) {
            CollectivesConfig config = new CollectivesConfig(
                    RendezvousAddress.parse(server.address()),
                    temporary,
                    Transport.IPC,
                    Duration.ofSeconds(2),
                    Duration.ofSeconds(2),
                    Secret.NONE);
            IOException e = assertThrows(
                    IOException.class, () -> Collectives.join(new RankIdentity(0, 1, "run-a", Map.of()), config));
            assertTrue(e.getMessage().startsWith("no media driver is running in " + temporary), e.getMessage());
        }
    }
}
