package io.kinema.train.save;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import io.kinema.train.TinyData;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.Disk;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Recompute;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.step.TrainingRanks;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Disks without room for a checkpoint. */
@EnabledOnOs(OS.LINUX)
@Execution(ExecutionMode.CONCURRENT)
class FullDiskTest {
    private static final DitConfig MODEL = new DitConfig(2, 16, 2, 1, 8, 2, new Patch(2, 4, 4));
    private static final int RANKS = 2;
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final long MEGABYTES_100 = 100_000_000;

    @TempDir
    private static Path root;

    private static Path data;

    @BeforeAll
    static void makeData() throws IOException {
        data = TinyData.write(root.resolve("data"), 1);
    }

    /** Has room after it was asked so often, and fails so many writes before. */
    private static final class FullDisk extends Disk {
        private final AtomicInteger looks;
        private final AtomicInteger failures;

        FullDisk(int looks, int failures) {
            this.looks = new AtomicInteger(looks);
            this.failures = new AtomicInteger(failures);
        }

        @Override
        public long usableBytes(Path folder) {
            return looks.getAndDecrement() > 0 ? 1_000_000 : MEGABYTES_100;
        }

        @Override
        public void written(long bytes) throws IOException {
            if (failures.getAndDecrement() > 0) {
                throw new IOException("No space left on device");
            }
            super.written(bytes);
        }
    }

    private static <T> List<T> train(TrainingRanks.Body<T> body) throws Exception {
        LearningRate learningRate = new LearningRate(1e-3, 2, 100, LearningRate.Schedule.CONSTANT);
        Recipe config = TrainingRanks.config(MODEL, 3, learningRate, Precision.FP32, 0);
        return new TrainingRanks(data, config, Recompute.NONE, ZeroStage.OPTIMIZER, type -> CpuDevice.open(type, 1))
                .run(RANKS, body);
    }

    private static void save(TrainingRanks.Run run, CheckpointFolder folder, boolean isAsync, Duration limit)
            throws IOException {
        Optional<ExecutorService> thread =
                isAsync ? Optional.of(BackgroundCheckpoint.thread(run.state().rank())) : Optional.empty();
        try (StateStore store =
                new StateStore(folder, new StateCopy(run.state(), run.collectives()), _ -> {}, thread, limit)) {
            store.save(
                    StateStore.describe(run.config(), run.state(), run.dataset().sha256(), 0, List.of()));
            store.finish();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldWaitForRoomAndWriteAgainWhatFoundNone(boolean isAsync) throws Exception {
        Path path = root.resolve("again-" + isAsync);
        Path old = path.resolve(".step-00000007.tmp");
        Files.createDirectories(old);
        train(run -> {
            boolean isFull = run.state().rank() == 1;
            save(run, new CheckpointFolder(path, new FullDisk(isFull ? 0 : 2, isFull ? 2 : 0)), isAsync, LIMIT);
            return null;
        });
        CheckpointFolder folder = new CheckpointFolder(path);
        List<String> warnings = new ArrayList<>();
        assertTrue(folder.newestValid(warnings::add).isPresent());
        assertEquals(List.of(), warnings);
        assertFalse(Files.exists(old), "leftovers take room");
    }

    /** That of another process takes what there was, before the background has written. */
    @Test
    void shouldGiveUpInTheBackgroundToo() throws Exception {
        Path path = root.resolve("full-later");
        train(run -> {
            AtomicInteger looks = new AtomicInteger();
            Disk disk = new Disk() {
                @Override
                public long usableBytes(Path folder) {
                    return looks.getAndIncrement() == 0 ? MEGABYTES_100 : 1_000_000;
                }

                @Override
                public void written(long bytes) throws IOException {
                    throw new IOException("No space left on device");
                }
            };
            CheckpointFolder folder = new CheckpointFolder(path, disk);
            assertThrows(NoRoomException.class, () -> save(run, folder, true, Duration.ofSeconds(1)));
            return null;
        });
        try (Stream<Path> left = Files.list(path)) {
            assertEquals(List.of(), left.toList());
        }
    }

    @Test
    void shouldGiveUpOnEveryRankWhereThereIsNoRoomForTooLong() throws Exception {
        Path path = root.resolve("full");
        List<String> messages = train(run -> {
            CheckpointFolder folder = new CheckpointFolder(path, new FullDisk(Integer.MAX_VALUE, 0));
            return assertThrows(NoRoomException.class, () -> save(run, folder, false, Duration.ofSeconds(1)))
                    .getMessage();
        });
        for (String message : messages) {
            assertTrue(message.startsWith("no room within 1 s: a checkpoint takes 1."), message);
            assertTrue(message.contains(path + " has 1.0 MB free; free space there"), message);
        }
    }

    @Test
    void shouldRefuseAStartWithoutRoomForOneAndWarnWithoutRoomForAll() throws IOException {
        CheckpointFolder folder = new CheckpointFolder(root.resolve("start"), new FullDisk(1, 0));
        String message = assertThrows(
                        ConfigException.class,
                        () -> CheckpointRoom.requireAtStart(folder, 30_000_000, plan(5, 9), _ -> {}))
                .getMessage();
        assertEquals(
                "a checkpoint takes 30.0 MB, " + folder.path()
                        + " has 1.0 MB free; free space there, or choose another --run",
                message);
        List<String> warnings = new ArrayList<>();
        CheckpointRoom.requireAtStart(folder, 30_000_000, plan(2, 9), warnings::add);
        CheckpointRoom.requireAtStart(folder, 30_000_000, plan(0, 3), warnings::add);
        assertEquals(List.of(), warnings);
        CheckpointRoom.requireAtStart(folder, 30_000_000, plan(3, 9), warnings::add);
        assertTrue(warnings.getFirst().contains("not enough for 4 more (--keep-last 3)"), warnings::toString);
    }

    private static CheckpointRoom.Plan plan(int keepLast, long count) {
        return new CheckpointRoom.Plan(keepLast, count);
    }
}
