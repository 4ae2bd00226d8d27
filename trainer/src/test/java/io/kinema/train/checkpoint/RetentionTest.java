package io.kinema.train.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which checkpoints stay when one has been written. */
class RetentionTest {
    @TempDir
    private Path root;

    private CheckpointFolder folder;

    @BeforeEach
    void open() {
        folder = new CheckpointFolder(root);
    }

    private List<Long> steps() throws IOException {
        return folder.list().stream().map(CheckpointFolder::stepOf).toList();
    }

    private void writeAndPrune(Retention retention, long... steps) throws IOException {
        for (long step : steps) {
            TinyCheckpoints.write(folder, step, 1);
            retention.prune(folder, 0, _ -> fail());
        }
    }

    @Test
    void shouldKeepTheNewestAndMultiples() throws IOException {
        writeAndPrune(new Retention(2, 0), 2, 4, 6, 8);
        assertEquals(List.of(8L, 6L), steps());
        writeAndPrune(new Retention(1, 6), 10, 12, 14);
        assertEquals(List.of(14L, 12L, 6L), steps());
        TinyCheckpoints.write(folder, 16, 1);
        assertEquals(List.of("step-00000012", "step-00000006"), new Retention(1, 7).prune(folder, 0, _ -> fail()));
        assertEquals(List.of(16L, 14L), steps());
    }

    @Test
    void shouldKeepAllForZero() throws IOException {
        writeAndPrune(new Retention(0, 4), 1, 2, 3, 4, 5);
        assertEquals(List.of(5L, 4L, 3L, 2L, 1L), steps());
    }

    @Test
    void shouldKeepWhatTrainingMayGoBackTo() throws IOException {
        for (long step : new long[] {2, 4, 6, 8}) {
            TinyCheckpoints.write(folder, step, 1);
        }
        assertEquals(List.of("step-00000006", "step-00000002"), new Retention(1, 0).prune(folder, 4, _ -> fail()));
        assertEquals(List.of(8L, 4L), steps());
    }

    /** A run that has passed over a damaged checkpoint writes one that has made fewer steps. */
    @Test
    void shouldKeepWhatLatestNamesThoughOthersHaveMoreSteps() throws IOException {
        for (long step : new long[] {2, 4, 6, 5}) {
            TinyCheckpoints.write(folder, step, 1);
        }
        new Retention(1, 0).prune(folder, 0, _ -> fail());
        assertEquals(List.of(6L, 5L), steps());
        assertEquals("step-00000005", folder.latest());
    }

    @Test
    void shouldNotCountWhatIsDamagedAmongTheNewest() throws IOException {
        for (long step : new long[] {1, 2, 3, 4}) {
            TinyCheckpoints.write(folder, step, 1);
        }
        Path torn = root.resolve("step-00000004/ema.safetensors");
        Files.write(torn, new byte[8]);
        Files.delete(root.resolve("step-00000003/state.json"));
        new Retention(1, 0).prune(folder, 0, _ -> fail());
        assertEquals(List.of(4L, 3L, 2L), steps());
        assertEquals(2, folder.newestValid(_ -> {}).orElseThrow().state().step());
    }

    @Test
    void shouldRemoveWhatAKilledDeletionLeft() throws IOException {
        Path gone = TinyCheckpoints.write(folder, 1, 2);
        Path left = root.resolve(".step-00000001.old");
        Files.move(gone, left);
        Files.delete(left.resolve("manifest.json"));
        writeAndPrune(new Retention(3, 0), 2);
        assertTrue(Files.notExists(left));
        assertEquals(List.of(2L), steps());
        // The same step again, beside what is left of it.
        Files.createDirectories(left);
        Files.createFile(left.resolve("model.safetensors"));
        TinyCheckpoints.write(folder, 1, 1);
        TinyCheckpoints.write(folder, 1, 1);
        assertEquals(List.of(2L, 1L), steps());
        assertTrue(Files.notExists(left));
    }

    /** Whoever looks while checkpoints are deleted sees each whole, or not at all. */
    @Test
    void shouldNeverShowHalfACheckpoint() throws Exception {
        for (long step = 1; step <= 40; step++) {
            TinyCheckpoints.write(folder, step, 8);
        }
        AtomicBoolean stop = new AtomicBoolean();
        List<String> halves = new ArrayList<>();
        Callable<Integer> look = () -> {
            int looks = 0;
            while (!stop.get()) {
                for (Path path : folder.list()) {
                    List<String> problems = CheckpointManifest.sizeProblems(path);
                    // One that is gone by now was renamed while its files were looked at.
                    if (!problems.isEmpty() && Files.exists(path)) {
                        halves.addAll(problems);
                    }
                }
                looks++;
            }
            return looks;
        };
        try (ExecutorService thread = Executors.newSingleThreadExecutor()) {
            Future<Integer> looks = thread.submit(look);
            for (int keep = 39; keep > 0; keep--) {
                new Retention(keep, 0).prune(folder, 0, _ -> fail());
            }
            stop.set(true);
            assertTrue(looks.get() > 0);
        }
        assertEquals(List.of(), halves);
        try (Stream<Path> names = Files.list(root)) {
            assertEquals(
                    List.of("LATEST", "step-00000040"),
                    names.map(path -> path.getFileName().toString()).sorted().toList());
        }
    }
}
