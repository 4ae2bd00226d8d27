package io.kinema.train.step;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.train.TinyData;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.diffusion.SamplingMethod;
import io.kinema.train.dist.reduction.Reduction;
import io.kinema.train.metrics.StepMetrics;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Recompute;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.optim.LossScale;
import io.kinema.train.optim.ShardedAdamW.AdamWConfig;
import io.kinema.train.run.CaptionMix;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.sample.Sampler;
import io.kinema.train.save.StateStore;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Training in fp16 with a scaled loss, in this process, on the nd4j device of the CPU: what a card would run, but for
 * the products' speed.
 */
class HalfPrecisionTest {
    private static final DitConfig TINY = new DitConfig(1, 16, 2, 1, 8, 2, new Patch(2, 4, 4));
    private static final double LEARNING_RATE = 1e-3;
    private static final int STEPS = 20;
    private static final LossScale HUGE = new LossScale(0x1p60, 5);

    @TempDir
    private static Path root;

    private static Path data;

    @BeforeAll
    static void makeData() throws IOException {
        data = TinyData.write(root.resolve("data"), 1);
    }

    private static Recipe config(Precision precision) {
        return new Recipe(
                TINY,
                "flow",
                3,
                2,
                40,
                STEPS,
                1,
                new CaptionMix(0.1, Map.of()),
                new LearningRate(LEARNING_RATE, 0, STEPS, LearningRate.Schedule.CONSTANT),
                new AdamWConfig(0.9, 0.95, 1e-8, 0, 1, 0.9),
                precision,
                0,
                Reduction.EXACT);
    }

    private static <T> List<T> onRanks(int worldSize, Recipe config, Recompute recompute, TrainingRanks.Body<T> body)
            throws Exception {
        return new TrainingRanks(data, config, recompute, ZeroStage.OPTIMIZER, Nd4jDevice::open).run(worldSize, body);
    }

    private static <T> T alone(Precision precision, TrainingRanks.Body<T> body) throws Exception {
        return onRanks(1, config(precision), Recompute.NONE, body).getFirst();
    }

    private static double[] losses(List<StepMetrics> steps) {
        return steps.stream().mapToDouble(StepMetrics::loss).toArray();
    }

    @Test
    void shouldStayNearFp32() throws Exception {
        List<StepMetrics> half = alone(Precision.FP16, run -> run.steps(STEPS));
        List<StepMetrics> wide = alone(Precision.FP32, run -> run.steps(STEPS));
        for (int i = 0; i < STEPS; i++) {
            String step = "step " + (i + 1);
            assertEquals(
                    wide.get(i).loss(), half.get(i).loss(), 2e-3 * wide.get(i).loss(), step);
            assertEquals(
                    wide.get(i).gradNorm(),
                    half.get(i).gradNorm(),
                    2e-2 * wide.get(i).gradNorm(),
                    step);
            assertEquals(65_536, half.get(i).lossScale(), step);
            assertEquals(0, wide.get(i).lossScale(), step);
            assertFalse(half.get(i).skipped() || wide.get(i).skipped(), step);
        }
        assertTrue(wide.getLast().loss() < 0.95 * wide.getFirst().loss(), "nothing was learned");
        assertNotEquals(wide.getLast().loss(), half.getLast().loss(), "nothing was rounded");
    }

    @Test
    void shouldGiveTheSameWhenBlocksAreComputedAgain() throws Exception {
        double[] kept = losses(alone(Precision.FP16, run -> run.steps(4)));
        double[] again = losses(onRanks(1, config(Precision.FP16), Recompute.BLOCKS, run -> run.steps(4))
                .getFirst());
        assertArrayEquals(kept, again);
    }

    @Test
    void shouldLeaveEverythingAsItWasWhenTheGradientOverflows() throws Exception {
        alone(Precision.FP16, run -> {
            List<float[]> before = run.optimized();
            short[] working = run.working();
            run.state().lossScale = HUGE;
            StepMetrics first = run.steps(1).getFirst();
            assertTrue(first.skipped() && first.lossScale() == HUGE.factor() && Double.isFinite(first.loss()));
            assertFalse(Double.isFinite(first.gradNorm()));
            assertEquals(new LossScale(0x1p59, 0), run.state().lossScale);
            assertEquals(1, run.state().step);
            assertEquals(1, run.state().skippedSteps);
            assertArrayEquals(working, run.working());
            for (int i = 0; i < before.size(); i++) {
                assertArrayEquals(before.get(i), run.optimized().get(i), "state " + i);
            }

            run.state().lossScale = LossScale.INITIAL;
            float[] master = before.getLast();
            StepMetrics second = run.steps(1).getFirst();
            assertFalse(second.skipped());
            assertEquals(2, second.step());
            assertEquals(new LossScale(65_536, 1), run.state().lossScale);
            double largest = 0;
            for (int i = 0; i < master.length; i++) {
                largest = Math.max(largest, Math.abs(run.optimized().getLast()[i] - master[i]));
            }
            // Bias correction makes the first update of an element ±1 times the rate, and the second one of the same
            // gradient 0.73 times.
            assertEquals(LEARNING_RATE, largest, 1e-3 * LEARNING_RATE);
            return null;
        });
    }

    @Test
    void shouldDoubleTheScaleAfterManyGoodSteps() throws Exception {
        alone(Precision.FP16, run -> {
            run.state().lossScale = new LossScale(1024, 1999);
            run.steps(1);
            assertEquals(new LossScale(2048, 0), run.state().lossScale);
            return null;
        });
    }

    @Test
    void shouldDivideTheScaleOutAgain() throws Exception {
        double[] expected = normAndMoments(Precision.FP32, LossScale.NONE);
        for (LossScale scale : List.of(LossScale.INITIAL, new LossScale(1024, 0))) {
            double[] found = normAndMoments(Precision.FP16, scale);
            for (int i = 0; i < expected.length; i++) {
                assertEquals(expected[i], found[i], 2e-2 * expected[i], scale + ": " + i);
            }
        }
    }

    /** The norms of the gradient and of both of Adam's moments after a step. */
    private static double[] normAndMoments(Precision precision, LossScale scale) throws Exception {
        return alone(precision, run -> {
            run.state().lossScale = scale;
            double norm = run.steps(1).getFirst().gradNorm();
            return new double[] {
                norm, norm(run.optimized().get(0)), norm(run.optimized().get(1))
            };
        });
    }

    private static double norm(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return Math.sqrt(sum);
    }

    @Test
    void shouldDecideTheSameOnEveryRank() throws Exception {
        TrainingRanks.Body<List<StepMetrics>> body = run -> {
            run.state().lossScale = HUGE;
            List<StepMetrics> steps = new ArrayList<>(run.steps(1));
            run.state().lossScale = LossScale.INITIAL;
            steps.addAll(run.steps(3));
            return steps;
        };
        List<StepMetrics> alone = alone(Precision.FP16, body);
        for (List<StepMetrics> rank : onRanks(2, config(Precision.FP16), Recompute.NONE, body)) {
            assertArrayEquals(losses(alone), losses(rank));
            for (int i = 0; i < alone.size(); i++) {
                assertEquals(i == 0, rank.get(i).skipped());
                assertEquals(alone.get(i).gradNorm(), rank.get(i).gradNorm());
            }
        }
    }

    @Test
    void shouldEndTheRunWhenNoScaleHelps() throws Exception {
        alone(Precision.FP16, run -> {
            run.poison(MemorySegment.ofArray(new short[] {Float.floatToFloat16(Float.NaN)}));
            run.state().lossScale = new LossScale(0x1p-13, 0);
            assertTrue(run.steps(1).getFirst().skipped());
            TrainingException e = assertThrows(TrainingException.class, () -> run.steps(1));
            assertTrue(e.getMessage().contains("step 2") && e.getMessage().contains("loss scale"), e.getMessage());
            assertEquals(1, e.getMessage().lines().count());
            return null;
        });
    }

    @Test
    void shouldNotSkipInFp32() throws Exception {
        alone(Precision.FP32, run -> {
            assertEquals(LossScale.NONE, run.state().lossScale);
            run.poison(MemorySegment.ofArray(new float[] {Float.NaN}));
            TrainingException e = assertThrows(TrainingException.class, () -> run.steps(1));
            assertTrue(e.getMessage().contains("no weight was changed"), e.getMessage());
            return null;
        });
    }

    @Test
    void shouldResumeWithTheScaleAndTheCountOfUpdates() throws Exception {
        CheckpointFolder folder = new CheckpointFolder(root.resolve("checkpoints"));
        Recipe config = config(Precision.FP16);
        double[] undisturbed = alone(Precision.FP16, run -> {
            run.state().lossScale = HUGE;
            run.steps(1);
            run.state().lossScale = new LossScale(512, 7);
            run.steps(2);
            run.checkpoints(folder).save(StateStore.describe(config, run.state(), "sha", 0, List.of()));
            return losses(run.steps(3));
        });
        Checkpoint checkpoint = Checkpoint.open(folder.list().getFirst());
        assertEquals(512, checkpoint.state().lossScale());
        alone(Precision.FP16, run -> {
            run.checkpoints(folder).restore(checkpoint.folder());
            assertEquals(new LossScale(512, 9), run.state().lossScale);
            assertEquals(1, run.state().skippedSteps);
            assertArrayEquals(undisturbed, losses(run.steps(3)));
            return null;
        });
        alone(Precision.FP32, run -> {
            run.checkpoints(folder).restore(checkpoint.folder());
            assertEquals(LossScale.NONE, run.state().lossScale);
            assertEquals(1, run.state().skippedSteps);
            assertEquals(
                    0,
                    StateStore.describe(run.config(), run.state(), "sha", 0, List.of())
                            .lossScale());
            return null;
        });
    }

    @Test
    void shouldSampleNearlyTheSameVideo() throws Exception {
        TrainingRanks.Body<byte[]> sample = run -> {
            run.steps(3);
            TrainState state = run.state();
            Sampler sampler = new Sampler(
                    new SpacetimeDit(TINY), config(Precision.FP32).diffusion(), state.device(), state.weights());
            return sampler.sample(
                    new Sampler.Request("clip number 1", 2, 8, 12, 4, 2, 1, SamplingMethod.EULER), _ -> {});
        };
        byte[] wide = alone(Precision.FP32, sample);
        byte[] half = alone(Precision.FP16, sample);
        assertEquals(wide.length, half.length);
        for (int i = 0; i < wide.length; i++) {
            assertEquals(Byte.toUnsignedInt(wide[i]), Byte.toUnsignedInt(half[i]), 4, "value " + i);
        }
        assertNotEquals(wide[0], wide[wide.length - 1], "a picture of one colour");
    }
}
