package io.kinema.train.save;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.kinema.data.clip.Patch;
import io.kinema.train.TinyData;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.dist.collective.StepLabel;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Recompute;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.step.Trainer;
import io.kinema.train.step.TrainingRanks;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Checkpoints that are written while training goes on, by a thread that is held up for as long as the test likes. */
@EnabledOnOs(OS.LINUX)
class BackgroundCheckpointTest {
    private static final DitConfig MODEL = new DitConfig(2, 16, 2, 1, 8, 2, new Patch(2, 4, 4));
    private static final int RANKS = 2;

    @TempDir
    private static Path root;

    private static Path data;

    @BeforeAll
    static void makeData() throws IOException {
        data = TinyData.write(root.resolve("data"), 1);
    }

    private static TrainingRanks ranks(ZeroStage zero) {
        LearningRate learningRate = new LearningRate(1e-3, 2, 100, LearningRate.Schedule.CONSTANT);
        Recipe config = TrainingRanks.config(MODEL, 3, learningRate, Precision.FP32, 0);
        return new TrainingRanks(data, config, Recompute.NONE, zero, type -> CpuDevice.open(type, 1));
    }

    /** One rank that trains, and a thread that does not write before it is let. */
    private static final class Training implements AutoCloseable {
        private final TrainingRanks.Run run;
        private final Trainer trainer;
        private final StateStore checkpoints;
        private final CountDownLatch mayWrite = new CountDownLatch(1);

        Training(TrainingRanks.Run run, CheckpointFolder folder) throws IOException {
            this.run = run;
            trainer = run.trainer();
            ExecutorService thread = BackgroundCheckpoint.thread(run.state().rank());
            thread.submit(() -> {
                mayWrite.await();
                return null;
            });
            checkpoints = new StateStore(
                    folder,
                    new StateCopy(run.state(), run.collectives()),
                    _ -> {},
                    Optional.of(thread),
                    TrainingRanks.DEADLINE);
        }

        void steps(int count) throws IOException {
            for (int i = 0; i < count; i++) {
                checkpoints.proceed(
                        trainer.step(() -> checkpoints.notice(false), 0).notice());
            }
        }

        void save() throws IOException {
            checkpoints.save(
                    StateStore.describe(run.config(), run.state(), run.dataset().sha256(), 0, List.of()));
        }

        @Override
        public void close() {
            mayWrite.countDown();
            checkpoints.close();
            trainer.close();
        }
    }

    private static byte[] manifest(CheckpointFolder folder) throws IOException {
        return Files.readAllBytes(folder.list().getFirst().resolve("manifest.json"));
    }

    @ParameterizedTest
    @EnumSource
    void shouldWriteTheStateAsItWasWhileTrainingGoesOn(ZeroStage zero) throws Exception {
        CheckpointFolder waiting = new CheckpointFolder(root.resolve("waiting-" + zero));
        CheckpointFolder later = new CheckpointFolder(root.resolve("later-" + zero));
        List<float[]> expected = ranks(zero).run(RANKS, run -> {
            run.steps(2);
            run.save(waiting);
            run.steps(4);
            return run.optimized().getFirst();
        });
        List<float[]> found = ranks(zero).run(RANKS, run -> {
            try (Training training = new Training(run, later)) {
                training.steps(2);
                training.save();
                // None of this waits for the thread, which cannot go on before it is over on both ranks.
                training.steps(4);
                run.collectives().barrier(new StepLabel(6, "the test"));
                assertTrue(later.list().isEmpty());
                training.mayWrite.countDown();
                training.checkpoints.finish();
                return run.optimized().getFirst();
            }
        });
        for (int rank = 0; rank < RANKS; rank++) {
            assertArrayEquals(expected.get(rank), found.get(rank));
        }
        assertEquals(List.of("step-00000002"), names(later));
        assertArrayEquals(manifest(waiting), manifest(later));
    }

    private static List<String> names(CheckpointFolder folder) throws IOException {
        return folder.list().stream().map(path -> path.getFileName().toString()).toList();
    }

    @Test
    void shouldCommitDuringLaterStepsAndUseTheMemoryAgain() throws Exception {
        CheckpointFolder folder = new CheckpointFolder(root.resolve("several"));
        ranks(ZeroStage.OPTIMIZER).run(RANKS, run -> {
            try (Training training = new Training(run, folder)) {
                training.mayWrite.countDown();
                training.steps(1);
                training.save();
                boolean isThere = false;
                while (!isThere) {
                    training.steps(1);
                    byte[] mine = {(byte) folder.list().size()};
                    // One rank decides, so that all make as many steps.
                    StepLabel label = new StepLabel(run.state().step, "the test");
                    isThere = run.collectives().allGather(label, mine)[0][0] > 0;
                    assertTrue(run.state().step < 90, "it is never committed");
                }
                assertEquals(List.of("step-00000001"), names(folder));
                training.save();
                training.steps(1);
                training.save();
                training.checkpoints.finish();
                return null;
            }
        });
        assertEquals(3, folder.list().size());
        assertEquals(
                folder.newestValid(problem -> fail(problem)).orElseThrow().folder(),
                folder.list().getFirst());
    }

    @Test
    void shouldFailOnEveryRankWhereOneCannotWrite() throws Exception {
        Path path = root.resolve("failing");
        CheckpointFolder folder = new CheckpointFolder(path);
        List<String> messages = ranks(ZeroStage.GRADIENTS).run(RANKS, run -> {
            try (Training training = new Training(run, folder)) {
                training.steps(3);
                training.save();
                if (run.state().rank() == 1) {
                    Files.createDirectory(
                            path.resolve(".step-00000003.tmp").resolve("optimizer-00001-of-00002.safetensors"));
                }
                training.mayWrite.countDown();
                IOException e = assertThrows(IOException.class, () -> training.steps(50));
                return e.getMessage();
            }
        });
        assertTrue(messages.getFirst().startsWith("cannot write checkpoint "), messages.getFirst());
        for (String message : messages) {
            assertTrue(message.contains("rank 1: ") && message.contains("optimizer-00001"), message);
        }
        assertTrue(folder.list().isEmpty());
        assertFalse(Files.exists(path.resolve(".step-00000003.tmp")));
    }
}
