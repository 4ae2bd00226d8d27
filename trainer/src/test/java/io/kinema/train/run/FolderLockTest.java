package io.kinema.train.run;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.LaunchedProgram;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderLockTest {
    @TempDir
    private Path root;

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
