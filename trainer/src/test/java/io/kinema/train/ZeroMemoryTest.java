package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.train.dist.ReductionPlan;
import io.kinema.train.dist.ReductionTree;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.Recompute;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import io.kinema.train.tensor.cpu.CpuDevice.Footprint;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What ranks keep of weights, gradients and optimizer after a step is what the formulas of docs/operations.md say. */
@EnabledOnOs(OS.LINUX)
class ZeroMemoryTest {
    private static final DitConfig MODEL = new DitConfig(6, 96, 4, 1, 32, 2, new Patch(2, 4, 4));
    private static final ParameterLayout LAYOUT = new SpacetimeDit(MODEL).layout();
    private static final int MICROBATCHES = 8;

    @TempDir
    private Path root;

    private static TrainConfig config(Precision precision) {
        LearningRate learningRate = new LearningRate(1e-3, 0, 1, LearningRate.Schedule.CONSTANT);
        return TrainingRanks.config(MODEL, MICROBATCHES, learningRate, precision, 0);
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, FP32",
        "2, 1, FP32",
        "4, 1, FP32",
        "8, 1, FP32",
        "2, 2, FP32",
        "4, 2, FP32",
        "8, 2, FP32",
        "2, 3, FP32",
        "4, 3, FP32",
        "8, 3, FP32",
        "1, 1, BF16",
        "8, 1, BF16",
        "8, 2, BF16",
        "8, 3, BF16"
    })
    void shouldKeepWhatTheFormulasSay(int worldSize, int stage, Precision precision) throws Exception {
        ZeroStage zero = ZeroStage.parse(stage);
        for (Footprint measured : train(worldSize, zero, precision)) {
            double parameters = LAYOUT.numElements();
            double expected = bytesAParameter(worldSize, zero, precision);
            assertEquals(expected, measured.tensorBytes() / parameters, 0.05 * expected, "bytes a parameter and rank");
        }
    }

    @Test
    void shouldTrainOnEightRanksWhatNoneOfThemHasRoomFor() throws Exception {
        long limit = 12 * LAYOUT.numElements();
        for (Footprint whole : train(1, ZeroStage.OPTIMIZER, Precision.FP32)) {
            assertTrue(whole.tensorBytes() > 2 * limit, whole::toString);
        }
        for (Footprint shard : train(8, ZeroStage.PARAMETERS, Precision.FP32)) {
            assertTrue(shard.tensorBytes() + shard.packedBytes() < limit, shard::toString);
        }
    }

    /** What the ranks' devices hold after a step. */
    private List<Footprint> train(int worldSize, ZeroStage zero, Precision precision) throws Exception {
        Path data = TinyData.write(root.resolve("data-" + worldSize + "-" + zero), 1);
        TrainingRanks ranks =
                new TrainingRanks(data, config(precision), Recompute.NONE, zero, type -> CpuDevice.open(type, 1));
        return ranks.run(worldSize, run -> {
            run.steps(1);
            return ((CpuDevice) run.state().device()).footprint();
        });
    }

    /** Rajbhandari et al., 1910.02054, section 5, with fp32 gradients, an average beside Adam's state, and an exact sum. */
    private static double bytesAParameter(int worldSize, ZeroStage zero, Precision precision) {
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
            double sums = Math.max(1, Integer.numberOfTrailingZeros(leaves));
            double gradients = 4 * (sums + (leaves > 1 ? one : 0)) + (worldSize == 1 ? 0 : 4 / n);
            return working + gradients + optimizer;
        }
        double carried = ReductionPlan.ofRounds(new ReductionTree(MICROBATCHES), worldSize).stream()
                .mapToInt(ReductionPlan::numResults)
                .max()
                .orElseThrow();
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
