package io.kinema.train.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.train.TinyData;
import io.kinema.train.dist.reduction.Reduction;
import io.kinema.train.dist.reduction.Wire;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.Recompute;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.step.TrainingRanks;
import io.kinema.train.tensor.Footprint;
import io.kinema.train.tensor.MeteredDevice;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What ranks keep of weights, gradients and optimizer after a step is what the formulas of docs/memory.md say. */
@EnabledOnOs(OS.LINUX)
class ZeroMemoryTest {
    private static final DitConfig MODEL = new DitConfig(6, 96, 4, 1, 32, 2, new Patch(2, 4, 4));
    private static final ParameterLayout LAYOUT = new SpacetimeDit(MODEL).layout();
    private static final int MICROBATCHES = 8;

    @TempDir
    private Path root;

    private static Recipe config(Precision precision, boolean isExact) {
        LearningRate learningRate = new LearningRate(1e-3, 0, 1, LearningRate.Schedule.CONSTANT);
        return TrainingRanks.config(MODEL, MICROBATCHES, learningRate, precision, 0)
                .withReduction(new Reduction(isExact, Wire.FP32));
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, FP32, true",
        "2, 1, FP32, true",
        "4, 1, FP32, true",
        "8, 1, FP32, true",
        "2, 2, FP32, true",
        "4, 2, FP32, true",
        "8, 2, FP32, true",
        "2, 3, FP32, true",
        "4, 3, FP32, true",
        "8, 3, FP32, true",
        "1, 1, BF16, true",
        "8, 1, BF16, true",
        "8, 2, BF16, true",
        "8, 3, BF16, true",
        "1, 1, FP32, false",
        "2, 1, FP32, false",
        "4, 1, FP32, false",
        "2, 2, FP32, false",
        "4, 2, FP32, false",
        "8, 2, FP32, false",
        "2, 3, BF16, false"
    })
    void shouldKeepWhatTheFormulasSay(int worldSize, int stage, Precision precision, boolean isExact) throws Exception {
        ZeroStage zero = ZeroStage.parse(stage);
        Recipe config = config(precision, isExact);
        for (Footprint measured : train(worldSize, zero, config)) {
            double parameters = LAYOUT.numElements();
            double expected = bytesAParameter(worldSize, zero, config);
            assertEquals(expected, measured.tensorBytes() / parameters, 0.05 * expected, "bytes a parameter and rank");
        }
    }

    @Test
    void shouldTrainOnEightRanksWhatNoneOfThemHasRoomFor() throws Exception {
        long limit = 12 * LAYOUT.numElements();
        for (Footprint whole : train(1, ZeroStage.OPTIMIZER, config(Precision.FP32, true))) {
            assertTrue(whole.tensorBytes() > 2 * limit, whole::toString);
        }
        for (Footprint shard : train(8, ZeroStage.PARAMETERS, config(Precision.FP32, true))) {
            assertTrue(shard.tensorBytes() + shard.packedBytes() < limit, shard::toString);
        }
    }

    /** What the ranks' devices hold after a step. */
    private List<Footprint> train(int worldSize, ZeroStage zero, Recipe config) throws Exception {
        Path data = TinyData.write(root.resolve("data-" + worldSize + "-" + zero), 1);
        TrainingRanks ranks = new TrainingRanks(data, config, Recompute.NONE, zero, type -> CpuDevice.open(type, 1));
        return ranks.run(worldSize, run -> {
            run.steps(1);
            return ((MeteredDevice) run.state().device()).footprint();
        });
    }

    /**
     * Rajbhandari et al., 1910.02054, section 5, with fp32 gradients, an average beside Adam's state, and a sum along
     * the tree unless it is fast.
     */
    private static double bytesAParameter(int worldSize, ZeroStage zero, Recipe config) {
        Precision precision = config.precision();
        double n = worldSize;
        double working = precision.workingType().bytes();
        double master = precision == Precision.FP32 ? 0 : 4;
        double optimizer = (master + 4 + 4 + 4) / n;
        // Whole at a time: two blocks, the stem and the final layer; or one of each.
        double two = partOfModel(2);
        double one = partOfModel(1);
        if (zero == ZeroStage.OPTIMIZER || worldSize == 1) {
            int leaves = MICROBATCHES / worldSize;
            // Levels of the tree, and what the gradients of a leaf are in that is merged at once.
            double sums = config.reduction().isExact() ? Math.max(1, Integer.numberOfTrailingZeros(leaves)) : 1;
            double gradients = 4 * (sums + (leaves > 1 ? one : 0)) + (worldSize == 1 ? 0 : 4 / n);
            return working + gradients + optimizer;
        }
        double carried =
                config.reduction().isExact() ? Math.max(1, Integer.numberOfTrailingZeros(MICROBATCHES / worldSize)) : 1;
        double gradients = 4 * (carried / n + two);
        double weights = zero == ZeroStage.GRADIENTS ? working : working * (1 / n + two);
        return weights + gradients + optimizer;
    }

    private static double partOfModel(int blocks) {
        double size = 0;
        for (Group group : LAYOUT.groups()) {
            int block = group.index() - 1;
            size += block < blocks || group.name().equals("final") ? group.size() : 0;
        }
        return size / LAYOUT.numElements();
    }
}
