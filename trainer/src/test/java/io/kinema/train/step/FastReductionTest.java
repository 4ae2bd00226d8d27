package io.kinema.train.step;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.train.TinyData;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.dist.reduction.Reduction;
import io.kinema.train.dist.reduction.ReductionTree;
import io.kinema.train.dist.reduction.Wire;
import io.kinema.train.metrics.StepMetrics;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.Recompute;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sums that do not keep to the tree: near the exact one, and always the same for one number of ranks. */
@EnabledOnOs(OS.LINUX)
class FastReductionTest {
    private static final DitConfig MODEL = new DitConfig(3, 32, 2, 1, 16, 2, new Patch(2, 4, 4));
    private static final ParameterLayout LAYOUT = new SpacetimeDit(MODEL).layout();
    private static final Reduction FAST = new Reduction(false, Wire.FP32);
    private static final Reduction BF16 = new Reduction(false, Wire.BF16);
    /** No power of two, so that ranks have several nodes of the tree. */
    private static final int MICROBATCHES = 11;

    private static final int STEPS = 20;

    @TempDir
    private static Path root;

    private static Path data;
    private static float[][] leaves;
    private static float[] exact;

    @BeforeAll
    static void makeData() throws Exception {
        data = TinyData.write(root.resolve("data"), 1);
        leaves = new float[MICROBATCHES][];
        for (int leaf = 0; leaf < MICROBATCHES; leaf++) {
            SplittableRandom random = new SplittableRandom(leaf);
            leaves[leaf] = new float[sizeOfGroups()];
            for (int i = 0; i < leaves[leaf].length; i++) {
                leaves[leaf][i] = (float) ((random.nextDouble() - 0.5) * Math.pow(10, random.nextInt(-6, 7)));
            }
        }
        exact = sums(1, List.of(new Case(ZeroStage.OPTIMIZER, Reduction.EXACT))).getFirst();
    }

    private static int sizeOfGroups() {
        Group last = LAYOUT.groups().getLast();
        return Math.toIntExact(last.offset() + last.size());
    }

    private static TrainingRanks ranks(ZeroStage zero, Reduction reduction) {
        LearningRate learningRate = new LearningRate(3e-3, 2, STEPS, LearningRate.Schedule.CONSTANT);
        Recipe config = TrainingRanks.config(MODEL, MICROBATCHES, learningRate, Precision.FP32, 0);
        return new TrainingRanks(
                data, config.withReduction(reduction), Recompute.NONE, zero, type -> CpuDevice.open(type, 1));
    }

    /** One sum of the leaves. */
    private record Case(ZeroStage zero, Reduction reduction) {
        /** Sums as a step does, and puts this rank's shards where they belong. */
        void sum(TrainingRanks.Run run, float[] whole) {
            TrainState state = run.state();
            Sharding sharding =
                    new Sharding(zero, state.rank(), state.sharding().worldSize());
            GroupExchange ranks =
                    new GroupExchange(state.device(), sharding, state.ranks().collectives(), () -> 0);
            ReductionTree tree = new ReductionTree(MICROBATCHES, reduction);
            GradientSum gradients = new GradientSum(ranks, state.groups(), tree);
            for (int round = 0; round < gradients.numRounds(); round++) {
                gradients.beginRound(round);
                for (int microbatch : gradients.microbatches(round)) {
                    gradients.begin(microbatch);
                    passBackward(state, gradients, leaves[microbatch]);
                }
                if (gradients.microbatches(round).isEmpty()) {
                    state.groups().reversed().forEach(gradients::leave);
                }
            }
            gradients.await();
            for (Group group : state.groups()) {
                float[] shard = new float[Math.toIntExact(sharding.allocated(group))];
                state.device().read(gradients.shard(group), 0, MemorySegment.ofArray(shard));
                int offset = Math.toIntExact(group.offset() + sharding.offset(group));
                System.arraycopy(shard, 0, whole, offset, Math.toIntExact(sharding.size(group)));
            }
        }
    }

    /** The sums of all cases by one start of the ranks, put together from their shards. */
    private static List<float[]> sums(int worldSize, List<Case> cases) throws Exception {
        List<float[]> sums = cases.stream().map(_ -> new float[sizeOfGroups()]).toList();
        ranks(ZeroStage.OPTIMIZER, Reduction.EXACT).run(worldSize, run -> {
            for (int i = 0; i < cases.size(); i++) {
                cases.get(i).sum(run, sums.get(i));
            }
            return null;
        });
        return sums;
    }

    private static void passBackward(TrainState state, GradientSum gradients, float[] leaf) {
        Device device = state.device();
        for (Group group : state.groups().reversed()) {
            gradients.enter(group, group);
            for (ParameterLayout.Entry entry : group.entries()) {
                MemorySegment values =
                        MemorySegment.ofArray(leaf).asSlice(entry.offset() * Float.BYTES, entry.size() * Float.BYTES);
                device.write(gradients.get(entry), 0, values);
            }
            gradients.leave(group);
        }
    }

    /**
     * Of n = V − 1 additions in any order, each with a relative error of u = 2⁻²⁴ at most, a sum is off by γ·Σ|x| at
     * most, γ = n·u / (1 − n·u) (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2). So is the exact
     * mode's; and rounding of what travels changes each term by 2⁻⁸ of it at most, once.
     */
    private static double bound(Reduction reduction) {
        double errors = (MICROBATCHES - 1) * 0x1p-24;
        double gamma = errors / (1 - errors);
        return 2 * gamma + (reduction.wire() == Wire.BF16 ? 0x1p-8 * (1 + gamma) : 0);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8})
    void shouldStayWithinTheBoundOfTheExactSum(int worldSize) throws Exception {
        List<Case> cases = new ArrayList<>();
        for (Reduction reduction : List.of(FAST, BF16)) {
            for (ZeroStage zero : ZeroStage.values()) {
                cases.add(new Case(zero, reduction));
            }
        }
        List<float[]> sums = sums(worldSize, cases);
        for (int i = 0; i < cases.size(); i++) {
            expectWithinBound(cases.get(i), sums.get(i));
        }
        assertArrayEquals(sums.get(1), sums.get(2), "stages 2 and 3 exchange alike");
        assertArrayEquals(sums.get(4), sums.get(5), "stages 2 and 3 exchange alike");
        List<float[]> again = sums(worldSize, cases);
        for (int i = 0; i < cases.size(); i++) {
            assertArrayEquals(sums.get(i), again.get(i), "another run");
        }
    }

    private static void expectWithinBound(Case made, float[] sum) {
        double bound = bound(made.reduction);
        int differ = 0;
        for (int i = 0; i < sum.length; i++) {
            double magnitude = 0;
            for (float[] leaf : leaves) {
                magnitude += Math.abs((double) leaf[i]);
            }
            assertEquals(exact[i], sum[i], bound * magnitude, made + ", element " + i);
            differ += sum[i] == exact[i] ? 0 : 1;
        }
        assertTrue(differ > sum.length / 10, "the same sum as the exact one");
    }

    @Test
    void shouldTrainBesideTheExactMode() throws Exception {
        List<StepMetrics> exact = ranks(ZeroStage.OPTIMIZER, Reduction.EXACT)
                .run(1, run -> run.steps(STEPS))
                .getFirst();
        assertTrue(exact.getLast().loss() < 0.9 * exact.getFirst().loss(), "nothing was learned");
        for (ZeroStage zero : ZeroStage.values()) {
            List<StepMetrics> fast =
                    ranks(zero, BF16).run(3, run -> run.steps(STEPS)).getFirst();
            for (int i = 0; i < STEPS; i++) {
                double loss = exact.get(i).loss();
                assertEquals(loss, fast.get(i).loss(), 5e-4 * loss, zero + ", step " + (i + 1));
                assertEquals("fast", fast.get(i).reduction());
                assertEquals("bf16", fast.get(i).wire());
            }
            assertNotEquals(exact.getLast().loss(), fast.getLast().loss());
        }
    }

    @Test
    void shouldGoOnInTheOtherMode() throws Exception {
        CheckpointFolder folder = new CheckpointFolder(root.resolve("checkpoints"));
        List<Reduction> reductions = List.of(FAST, Reduction.EXACT, BF16);
        for (int i = 0; i < reductions.size(); i++) {
            boolean resumes = i > 0;
            long before = i;
            List<StepMetrics> steps = new ArrayList<>();
            ranks(ZeroStage.GRADIENTS, reductions.get(i))
                    .run(2 + i, run -> {
                        if (resumes) {
                            run.checkpoints(folder).restore(folder.list().getFirst());
                        }
                        assertEquals(before, run.state().step);
                        StepMetrics step = run.steps(1).getFirst();
                        run.save(folder);
                        return step;
                    })
                    .forEach(steps::add);
            String expected = reductions.get(i).isExact() ? "" : "fast";
            steps.forEach(step -> assertEquals(expected, step.reduction()));
            assertEquals(
                    1, steps.stream().mapToDouble(StepMetrics::loss).distinct().count());
        }
        assertEquals(3, folder.list().size());
    }

    /** By which ranks that sum in different ways are kept apart at the rendezvous. */
    @Test
    void shouldBePartOfWhatRanksMustAgreeOn() {
        Recipe config = ranks(ZeroStage.OPTIMIZER, Reduction.EXACT).config();
        assertEquals(
                3,
                Stream.of(Reduction.EXACT, FAST, BF16)
                        .map(reduction -> config.withReduction(reduction).toString())
                        .distinct()
                        .count());
    }
}
