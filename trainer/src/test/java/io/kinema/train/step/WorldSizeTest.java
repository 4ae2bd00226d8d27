package io.kinema.train.step;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kinema.data.clip.Patch;
import io.kinema.train.TinyData;
import io.kinema.train.TrainedRun;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Recompute;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Any number of ranks, whatever they keep shards of, trains the same weights, bit for bit. */
@EnabledOnOs(OS.LINUX)
class WorldSizeTest {
    /** More blocks than are gathered at a time. */
    private static final DitConfig MODEL = new DitConfig(4, 32, 2, 1, 16, 2, new Patch(2, 4, 4));

    private static final int STEPS = 4;

    @TempDir
    private static Path root;

    private static Path data;

    @BeforeAll
    static void makeData() throws IOException {
        data = TinyData.write(root.resolve("data"), 1);
    }

    private static Recipe config(Precision precision) {
        LearningRate learningRate = new LearningRate(1e-3, 2, STEPS, LearningRate.Schedule.COSINE);
        return TrainingRanks.config(MODEL, 8, learningRate, precision, 0);
    }

    private static TrainingRanks ranks(Precision precision, Recompute recompute, ZeroStage zero) {
        return new TrainingRanks(data, config(precision), recompute, zero, type -> CpuDevice.open(type, 1));
    }

    /** SHA-256 of the weights after all steps. */
    private static String train(Precision precision, Recompute recompute, ZeroStage zero, int worldSize)
            throws Exception {
        String name = precision + "-" + recompute + "-" + zero + "-" + worldSize;
        CheckpointFolder folder = new CheckpointFolder(root.resolve(name));
        ranks(precision, recompute, zero).run(worldSize, run -> {
            run.steps(STEPS);
            run.save(folder);
            return null;
        });
        return digest(folder);
    }

    private static String digest(CheckpointFolder folder) throws IOException {
        return TrainedRun.digest(Checkpoint.open(folder.list().getFirst()).folder());
    }

    @Test
    void shouldGiveOneDigestForEveryWorldSizeAndStage() throws Exception {
        Map<String, String> digests = new TreeMap<>();
        for (int worldSize : new int[] {1, 2, 3, 5, 8}) {
            for (ZeroStage zero : ZeroStage.values()) {
                digests.put(
                        worldSize + " ranks, stage " + zero.number(),
                        train(Precision.FP32, Recompute.NONE, zero, worldSize));
            }
        }
        assertEquals(1, digests.values().stream().distinct().count(), digests::toString);
    }

    @Test
    void shouldGiveOneDigestWithNarrowWorkingWeightsAndRecomputedBlocks() throws Exception {
        String expected = train(Precision.BF16, Recompute.NONE, ZeroStage.OPTIMIZER, 1);
        for (int worldSize : new int[] {2, 3}) {
            for (ZeroStage zero : ZeroStage.values()) {
                assertEquals(
                        expected, train(Precision.BF16, Recompute.BLOCKS, zero, worldSize), zero + " " + worldSize);
            }
        }
    }

    @Test
    void shouldGoOnWithAnyOtherWorldSizeAndStage() throws Exception {
        String expected = train(Precision.FP32, Recompute.NONE, ZeroStage.OPTIMIZER, 1);
        CheckpointFolder folder = new CheckpointFolder(root.resolve("resumed"));
        int[] worldSizes = {8, 3, 5, 1};
        ZeroStage[] stages = {ZeroStage.PARAMETERS, ZeroStage.GRADIENTS, ZeroStage.OPTIMIZER, ZeroStage.OPTIMIZER};
        for (int i = 0; i < STEPS; i++) {
            boolean resumes = i > 0;
            ranks(Precision.FP32, Recompute.NONE, stages[i]).run(worldSizes[i], run -> {
                if (resumes) {
                    run.checkpoints(folder).restore(folder.list().getFirst());
                }
                run.steps(1);
                run.save(folder);
                return null;
            });
        }
        assertEquals(expected, digest(folder));
    }
}
