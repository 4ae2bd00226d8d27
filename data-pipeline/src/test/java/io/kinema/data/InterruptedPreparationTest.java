package io.kinema.data;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.video.TestVideos;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InterruptedPreparationTest {
    private static final long PATIENCE_MS = 60_000;

    @TempDir
    Path folder;

    @Test
    void shouldLeaveNoManifestAndNoDecoderWhenInterrupted() throws IOException, InterruptedException {
        Path input = Files.createDirectory(folder.resolve("videos"));
        Path output = folder.resolve("data");
        for (int i = 0; i < 3; i++) {
            // Resampled a thousand times a second, each takes far longer than stopping does.
            new TestVideos().good(input.resolve("long" + i + ".mov"), 60, 240, 320);
        }
        Process preparation = JavaProgram.start(
                folder.resolve("log"),
                Map.of(),
                Prepare.class,
                "--input",
                input.toString(),
                "--output",
                output.toString(),
                "--fps",
                "1000",
                "--clip-seconds",
                "0.1");
        try {
            List<ProcessHandle> decoders = awaitDecoders(preparation);
            // SIGTERM and not the SIGINT of Ctrl-C, which children of a script in the background ignore.
            preparation.destroy();
            assertTrue(preparation.waitFor(PATIENCE_MS, TimeUnit.MILLISECONDS), "it does not end");
            assertNotEquals(0, preparation.exitValue());
            for (ProcessHandle decoder : decoders) {
                awaitEnd(decoder);
            }
        } finally {
            preparation.descendants().forEach(ProcessHandle::destroyForcibly);
            preparation.destroyForcibly().waitFor();
        }
        String log = Files.readString(folder.resolve("log"));
        assertFalse(Files.exists(output.resolve("manifest.json")), log);
        assertFalse(log.contains("data set:") || log.contains("\tat "), log);
        assertTrue(log.contains("stopped before the end"), log);
        assertTrue(Console.prepare("inspect", output).mistake().contains("an unfinished preparation"));
        String again = Console.prepare("--input", input, "--output", output).mistake();
        assertTrue(again.contains("an unfinished preparation"), again);
    }

    private List<ProcessHandle> awaitDecoders(Process preparation) throws IOException, InterruptedException {
        long deadlineMs = System.currentTimeMillis() + PATIENCE_MS;
        while (System.currentTimeMillis() < deadlineMs && preparation.isAlive()) {
            List<ProcessHandle> decoders = preparation
                    .descendants()
                    .filter(child -> child.info().commandLine().orElse("").contains("rawvideo"))
                    .toList();
            if (!decoders.isEmpty()) {
                return decoders;
            }
            Thread.sleep(20);
        }
        throw new AssertionError("no decoder was started: " + Files.readString(folder.resolve("log")));
    }

    private static void awaitEnd(ProcessHandle decoder) throws InterruptedException {
        long deadlineMs = System.currentTimeMillis() + 10_000;
        while (decoder.isAlive() && System.currentTimeMillis() < deadlineMs) {
            Thread.sleep(20);
        }
        boolean alive = decoder.isAlive();
        decoder.destroyForcibly();
        assertFalse(alive, "a decoder outlives the preparation");
    }
}
