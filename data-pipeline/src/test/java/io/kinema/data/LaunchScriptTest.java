package io.kinema.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.LaunchScript;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LaunchScriptTest {
    private static final long PATIENCE_SECONDS = 60;
    private static final int SIGTERM = 143;

    @TempDir
    Path folder;

    @BeforeEach
    void writeScript() throws IOException {
        Path script = Files.createDirectory(folder.resolve("launch")).resolve("sleep.sh");
        Files.writeString(script, "#!/bin/sh\necho asleep\nexec sleep 600\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** Runs the script until it is told to end, and once more while it ends. */
    static final class Sleeper {
        private Sleeper() {}

        public static void main(String... args) throws IOException, InterruptedException {
            CountDownLatch ended = new CountDownLatch(1);
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                try {
                    ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
                    sleep("late", Path.of(args[1]));
                } catch (IOException | InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }));
            sleep("first", Path.of(args[0]));
            ended.countDown();
        }

        private static void sleep(String name, Path log) throws IOException {
            System.out.println(name + ": " + new LaunchScript("sleep.sh", List.of()).runInto(log, List.of(), Map.of()));
        }
    }

    @Test
    void shouldTellTheExitCodeOfWhatEndedWithThisProcess() throws IOException, InterruptedException {
        Path slept = folder.resolve("slept");
        Path said = folder.resolve("said");
        Map<String, String> scripts =
                Map.of("KINEMA_SCRIPTS", folder.resolve("launch").toString());
        Process sleeper = JavaProgram.start(said, scripts, Sleeper.class, slept.toString(), slept + "-late");
        try {
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
            while (!Files.exists(slept) || !Files.readString(slept).contains("asleep")) {
                assertTrue(sleeper.isAlive() && System.nanoTime() < end, Files.readString(said));
                Thread.sleep(20);
            }
            sleeper.destroy();
            assertTrue(sleeper.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS), "it does not end");
            assertEquals(
                    List.of("first: " + SIGTERM, "late: " + SIGTERM),
                    Files.readAllLines(said).stream()
                            .filter(line -> !line.startsWith("WARNING"))
                            .toList());
        } finally {
            sleeper.descendants().forEach(ProcessHandle::destroyForcibly);
            sleeper.destroyForcibly();
        }
    }
}
