package io.kinema.train.dist.process;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ParentWatchTest {
    private static final long LAUNCHER = 4711;

    @TempDir
    private Path shared;

    @Test
    void shouldDeleteTheDriverOfTheLauncherThatIsGone() throws IOException {
        Path own = Files.createDirectories(shared.resolve("kinema-aeron-4711-123"));
        Files.createFile(own.resolve("cnc.dat"));
        ParentWatch.deleteOwn(LAUNCHER, own);
        assertFalse(Files.exists(own));
    }

    /** Where several launchers of a host share the driver of one, its ranks go on. */
    @Test
    void shouldLeaveTheDriverOfALauncherThatLives() throws IOException {
        Path other = Files.createDirectories(shared.resolve("kinema-aeron-42-123"));
        ParentWatch.deleteOwn(LAUNCHER, other);
        assertTrue(Files.exists(other));
    }
}
