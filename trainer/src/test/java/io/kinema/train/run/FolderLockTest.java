package io.kinema.train.run;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.LaunchedProgram;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Execution(ExecutionMode.CONCURRENT)
class FolderLockTest {
    @TempDir
    private Path root;

    /** A launch that keeps a folder until it is killed. */
    public static final class Launch {
        public static void main(String[] args) throws Exception {
            try (FolderLock _ = FolderLock.take("--run", Path.of(args[0]))) {
                System.out.println("taken");
                Thread.sleep(Long.MAX_VALUE);
            }
        }
    }

    private LaunchedProgram launch(Path folder) throws IOException {
        return LaunchedProgram.start(Launch.class, root.resolve("work"), folder.toString());
    }

    @Test
    void shouldAskWithoutATrace() throws IOException {
        Path folder = Files.createDirectories(root.resolve("run"));
        assertFalse(FolderLock.isTaken(folder));
        assertFalse(FolderLock.isTaken(root.resolve("none")));
        try (Stream<Path> files = Files.list(folder)) {
            assertTrue(files.findAny().isEmpty());
        }
    }

    @Test
    void shouldTellThatALaunchHasAFolderAndKeepAnotherOut() throws Exception {
        Path folder = Files.createDirectories(root.resolve("run"));
        try (LaunchedProgram first = launch(folder)) {
            first.awaitOutput("taken");
            assertTrue(FolderLock.isTaken(folder));
            try (LaunchedProgram second = launch(folder)) {
                second.awaitOutput("--run " + folder + " is in use by another launch");
            }
        }
        // A process that was killed keeps its locks until the system has buried it.
        long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (FolderLock.isTaken(folder)) {
            assertTrue(System.nanoTime() < endNanos, "a lock outlives its process");
            Thread.sleep(20);
        }
    }

    /** The moment of asking, made long. */
    @Test
    void shouldLetALaunchInWhileSomebodyAsks() throws Exception {
        Path folder = Files.createDirectories(root.resolve("run"));
        Path file = Files.createFile(folder.resolve(".lock"));
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            FileLock asking = channel.tryLock(1, 1, true);
            try (LaunchedProgram launch = launch(folder)) {
                Thread.sleep(500);
                asking.release();
                launch.awaitOutput("taken");
            }
        }
    }

    /** Has a folder until a file says that it is enough. */
    static final class Holder {
        private Holder() {}

        public static void main(String[] args) throws IOException, InterruptedException {
            Path folder = Path.of(args[0]);
            try (FolderLock _ = FolderLock.take("--run", folder)) {
                Files.createFile(folder.resolve("taken"));
                while (!Files.exists(folder.resolve("enough"))) {
                    TimeUnit.MILLISECONDS.sleep(10);
                }
            }
        }
    }

    @Test
    void shouldWaitForAnotherProcess() throws Exception {
        try (LaunchedProgram other = LaunchedProgram.start(Holder.class, root, root.toString())) {
            while (!Files.exists(root.resolve("taken"))) {
                TimeUnit.MILLISECONDS.sleep(10);
            }
            assertThrows(ConfigException.class, () -> FolderLock.take("--run", root));
            try (FolderLock _ = FolderLock.await(root, this::sayEnough)) {
                assertTrue(Files.exists(root.resolve("enough")), "did not wait");
            }
            other.expectExit(0);
        }
    }

    private void sayEnough() {
        try {
            Files.createFile(root.resolve("enough"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
