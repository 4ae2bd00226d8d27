package io.kinema.train.save;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.train.TinyData;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.Disk;
import io.kinema.train.dist.CollectiveTimeoutException;
import io.kinema.train.dist.StorageTimeoutException;
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
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A disk that takes longer than a collective may, and one that has lost a file since the launcher looked. */
@EnabledOnOs(OS.LINUX)
@Execution(ExecutionMode.CONCURRENT)
class SlowStorageTest {
    private static final DitConfig MODEL = new DitConfig(2, 16, 2, 1, 8, 2, new Patch(2, 4, 4));
    private static final int RANKS = 2;
    private static final Duration DEADLINE = Duration.ofSeconds(1);
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final long SLOW_MS = 2_500;

    @TempDir
    private static Path root;

    private static Path data;

    @BeforeAll
    static void makeData() throws IOException {
        data = TinyData.write(root.resolve("data"), 1);
    }

    /** Is slow once, at the first piece after it was told to be. */
    private static final class SlowDisk extends Disk {
        private volatile boolean isSlow;

        @Override
        public void written(long bytes) throws IOException {
            hesitate();
            super.written(bytes);
        }

        @Override
        public void read(long bytes) {
            hesitate();
            super.read(bytes);
        }

        private void hesitate() {
            if (isSlow) {
                isSlow = false;
                sleep(SLOW_MS);
            }
        }
    }

    private static void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static TrainingRanks ranks() {
        LearningRate learningRate = new LearningRate(1e-3, 2, 100, LearningRate.Schedule.CONSTANT);
        Recipe config = TrainingRanks.config(MODEL, 3, learningRate, Precision.FP32, 0);
        return new TrainingRanks(data, config, Recompute.NONE, ZeroStage.OPTIMIZER, type -> CpuDevice.open(type, 1));
    }

    private static StateStore store(TrainingRanks.Run run, CheckpointFolder folder, boolean isAsync, Duration limit) {
        Optional<ExecutorService> thread =
                isAsync ? Optional.of(BackgroundCheckpoint.thread(run.state().rank())) : Optional.empty();
        return new StateStore(folder, new StateCopy(run.state(), run.collectives()), _ -> {}, thread, limit);
    }

    private static void save(TrainingRanks.Run run, StateStore store) throws IOException {
        store.save(StateStore.describe(run.config(), run.state(), run.dataset().sha256(), 0, List.of()));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldWaitForADiskThatIsSlowerThanTheDeadline(boolean isAsync) throws Exception {
        Path path = root.resolve("slow-" + isAsync);
        ranks().run(RANKS, DEADLINE, run -> {
            SlowDisk disk = new SlowDisk();
            CheckpointFolder folder = new CheckpointFolder(path, disk);
            try (StateStore store = store(run, folder, isAsync, LIMIT)) {
                run.steps(1);
                List<float[]> saved = run.optimized();
                disk.isSlow = run.state().rank() == 1;
                save(run, store);
                store.finish();
                run.steps(1);
                disk.isSlow = run.state().rank() == 1;
                store.restore(path.resolve("step-00000001"));
                assertEquals(1, run.state().step);
                List<float[]> restored = run.optimized();
                for (int i = 0; i < saved.size(); i++) {
                    assertArrayEquals(saved.get(i), restored.get(i));
                }
                return null;
            }
        });
        assertEquals(1, new CheckpointFolder(path).list().size());
    }

    @Test
    void shouldSayOnEveryRankThatACheckpointCannotBeRestored() throws Exception {
        Path path = root.resolve("lost");
        List<String> messages = ranks().run(RANKS, TrainingRanks.DEADLINE, run -> {
            try (StateStore store = store(run, new CheckpointFolder(path), false, LIMIT)) {
                save(run, store);
                Path checkpoint = path.resolve("step-00000000");
                if (run.state().rank() == 0) {
                    Files.delete(checkpoint.resolve("ema.safetensors"));
                }
                return assertThrows(RestoreException.class, () -> store.restore(checkpoint))
                        .getMessage();
            }
        });
        for (String message : messages) {
            assertTrue(message.startsWith("cannot restore " + path.resolve("step-00000000") + ": rank "), message);
            assertTrue(message.contains("ema.safetensors"), message);
        }
    }

    @Test
    void shouldFindARankThatHangsWhileAnotherWrites() throws Exception {
        CountDownLatch isOver = new CountDownLatch(1);
        ranks().run(RANKS, DEADLINE, run -> {
            if (run.state().rank() == 1) {
                isOver.await();
                return null;
            }
            try (StateStore store = store(run, new CheckpointFolder(root.resolve("hang")), false, LIMIT)) {
                CollectiveTimeoutException e = assertThrows(CollectiveTimeoutException.class, () -> save(run, store));
                assertTrue(e.getMessage().contains("for rank 1"), e.getMessage());
                return null;
            } finally {
                isOver.countDown();
            }
        });
    }

    @Test
    void shouldGiveUpOnStorageThatDoesNotCome() throws Exception {
        CountDownLatch isOver = new CountDownLatch(RANKS);
        Disk stuck = new Disk() {
            @Override
            public void written(long bytes) {
                try {
                    isOver.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
        };
        List<String> messages = new ArrayList<>(ranks().run(RANKS, DEADLINE, run -> {
            boolean isStuck = run.state().rank() == 1;
            CheckpointFolder folder = new CheckpointFolder(root.resolve("stuck"), isStuck ? stuck : new Disk());
            try (StateStore store = store(run, folder, false, DEADLINE)) {
                StorageTimeoutException e = assertThrows(StorageTimeoutException.class, () -> save(run, store));
                isOver.countDown();
                return e.getMessage();
            }
        }));
        for (String message : messages) {
            assertTrue(message.startsWith("rank 1: storage took longer than --storage-timeout-seconds 1"), message);
        }
    }
}
