package io.kinema.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFolderTest {
    @TempDir
    private Path root;

    @Test
    void shouldGiveLaunchesOfOneSecondAFolderEach() throws Exception {
        Path runs = root.resolve("runs");
        Set<Path> folders = new HashSet<>();
        try (ExecutorService launches = Executors.newFixedThreadPool(8)) {
            for (Future<RunFolder> launch : launches.invokeAll(IntStream.range(0, 8)
                    .<Callable<RunFolder>>mapToObj(_ -> () -> RunFolder.fresh(runs))
                    .toList())) {
                folders.add(launch.get().path());
            }
        }
        assertEquals(8, folders.size(), folders::toString);
        assertTrue(folders.stream().allMatch(Files::isDirectory), folders::toString);
    }

    @Test
    void shouldLeaveNothingOfALaunchThatDoesNotBegin() throws Exception {
        RunFolder unused = RunFolder.fresh(root);
        unused.deleteIfEmpty();
        assertFalse(Files.exists(unused.path()));

        RunFolder used = RunFolder.fresh(root);
        used.create();
        used.deleteIfEmpty();
        assertTrue(Files.isDirectory(used.checkpoints()));
    }
}
