package io.kinema.train.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.train.TinyData;
import io.kinema.train.TrainedRun;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.metrics.StepMetrics;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Recompute;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Training knows no DiT: another network learns too, to the same bits on any number of ranks. */
@EnabledOnOs(OS.LINUX)
class OtherNetworkTest {
    /** Gives the tokens; no network of this shape is made. */
    private static final DitConfig SHAPE = new DitConfig(1, 16, 2, 1, 8, 2, new Patch(2, 4, 4));

    private static final int STEPS = 30;
    private static final int MICROBATCHES = 4;

    @TempDir
    private static Path root;

    private static Path data;

    @BeforeAll
    static void makeData() throws IOException {
        data = TinyData.write(root.resolve("data"), 1);
    }

    private static Recipe config() {
        LearningRate learningRate = new LearningRate(1e-2, 0, STEPS, LearningRate.Schedule.CONSTANT);
        return TrainingRanks.config(SHAPE, MICROBATCHES, learningRate, Precision.FP32, 0);
    }

    /** Trains on so many ranks; returns the metrics of rank 0. */
    private static List<StepMetrics> train(ZeroStage zero, int worldSize, CheckpointFolder folder) throws Exception {
        TrainingRanks ranks = new TrainingRanks(data, config(), Recompute.NONE, zero, type -> CpuDevice.open(type, 1));
        return ranks.run(worldSize, device -> new TinyAutoencoder(SHAPE.tokens(), device), run -> {
                    List<StepMetrics> steps = run.steps(STEPS);
                    run.save(folder);
                    return steps;
                })
                .getFirst();
    }

    @Test
    void shouldTrainToOneDigestForEveryWorldSizeAndStage() throws Exception {
        Map<String, String> digests = new TreeMap<>();
        for (int worldSize : new int[] {1, 2, 3}) {
            for (ZeroStage zero : ZeroStage.values()) {
                String name = worldSize + " ranks, stage " + zero.number();
                CheckpointFolder folder = new CheckpointFolder(root.resolve(name));
                List<StepMetrics> steps = train(zero, worldSize, folder);
                assertTrue(
                        steps.getLast().loss() < 0.9 * steps.getFirst().loss(),
                        () -> "nothing was learned: " + steps.getFirst() + steps.getLast());
                digests.put(
                        name,
                        TrainedRun.digest(
                                Checkpoint.open(folder.list().getFirst()).folder()));
            }
        }
        assertEquals(1, digests.values().stream().distinct().count(), digests::toString);
    }
}
