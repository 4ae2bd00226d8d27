package io.kinema.train.dist.reduction;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.LocalRanks;
import io.kinema.train.dist.collective.StepLabel;
import io.kinema.train.dist.rendezvous.World;
import io.kinema.train.dist.transport.Transport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReductionTest {
    private static final StepLabel LABEL = new StepLabel(17, "gradients");
    private static final Reduction FAST = new Reduction(false, Wire.FP32);
    private static final Reduction BF16 = new Reduction(false, Wire.BF16);
    private static final int[] LENGTHS = {0, 1, 3, 7, 2_047, 16_353, 250_001};

    @Test
    void shouldLeaveOneSumToARankAndToAnOwner() {
        for (int numLeaves = 1; numLeaves <= 17; numLeaves++) {
            ReductionTree tree = new ReductionTree(numLeaves, FAST);
            for (int worldSize = 1; worldSize <= numLeaves; worldSize++) {
                ReductionPlan whole = ReductionPlan.ofWhole(tree, worldSize);
                for (int rank = 0; rank < worldSize; rank++) {
                    assertEquals(List.of(tree.leavesOf(rank, worldSize)), whole.nodesOf(rank));
                }
                assertEquals(1, whole.numResults());
                for (ReductionPlan round : ReductionPlan.ofRounds(tree, worldSize)) {
                    assertEquals(1, round.numResults());
                    assertTrue(round.numCarried() <= 1);
                }
            }
        }
    }

    /** Reduces and gathers vectors of several lengths; returns them, and the bytes that the reductions took. */
    private record Result(List<float[]> sums, long bytesSent) {
        static Result of(Collectives collectives, int numLeaves, Reduction reduction) {
            World world = collectives.world();
            ReductionTree tree = new ReductionTree(numLeaves, reduction);
            ReductionPlan plan = ReductionPlan.ofWhole(tree, world.worldSize());
            LeafRange leaves = tree.leavesOf(world.rank(), world.worldSize());
            List<float[]> sums = new ArrayList<>();
            long bytes = 0;
            for (int length : LENGTHS) {
                try (Arena arena = Arena.ofShared()) {
                    ShardLayout layout = new ShardLayout(length, 1, world.worldSize());
                    List<CollectiveBuffer> partials = Leaves.partials(tree, leaves, length, length, arena);
                    MemorySegment flat = arena.allocate((long) length * Float.BYTES, Float.BYTES);
                    CollectiveBuffer sum = CollectiveBuffer.of(flat, Float.BYTES);
                    long before = collectives.traffic().bytesSent();
                    collectives
                            .reduceScatter(
                                    LABEL,
                                    plan,
                                    partials,
                                    layout,
                                    List.of(sum.part(layout.offset(world.rank()), layout.length(world.rank()))))
                            .await();
                    bytes += collectives.traffic().bytesSent() - before;
                    collectives.allGather(LABEL, layout, sum).await();
                    sums.add(flat.toArray(ValueLayout.JAVA_FLOAT));
                }
            }
            return new Result(sums, bytes);
        }
    }

    /**
     * Of each rank its leaves from left to right; these from left to right, rounded where they come from another rank.
     */
    private static float[] expected(int numLeaves, int worldSize, Reduction reduction, int length) {
        ReductionTree tree = new ReductionTree(numLeaves, reduction);
        ShardLayout layout = new ShardLayout(length, 1, worldSize);
        float[] sum = new float[length];
        for (int rank = 0; rank < worldSize; rank++) {
            LeafRange leaves = tree.leavesOf(rank, worldSize);
            float[] ofRank = Leaves.of(length, leaves.lo(), length);
            for (int leaf = leaves.lo() + 1; leaf < leaves.hi(); leaf++) {
                add(ofRank, Leaves.of(length, leaf, length));
            }
            for (int i = 0; i < length; i++) {
                boolean isOwn = i >= layout.offset(rank) && i < layout.offset(rank + 1);
                ofRank[i] = isOwn || reduction.wire() == Wire.FP32 ? ofRank[i] : rounded(ofRank[i]);
            }
            if (rank == 0) {
                sum = ofRank;
            } else {
                add(sum, ofRank);
            }
        }
        return sum;
    }

    /** To a multiple of what the last of eight bits is worth, 2^16 units in the last place of 24. */
    private static float rounded(float value) {
        double unit = Math.ulp(value) * 0x1p16;
        return (float) (Math.rint(value / unit) * unit);
    }

    private static void add(float[] into, float[] term) {
        for (int i = 0; i < into.length; i++) {
            into[i] += term[i];
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1, ipc", "1, 6, ipc", "2, 5, ipc", "3, 8, ipc", "5, 13, ipc", "8, 8, ipc", "3, 7, udp", "5, 6, auto"
    })
    void shouldAddInTheOrderOfRanks(int worldSize, int numLeaves, String transport) throws Exception {
        try (LocalRanks ranks = new LocalRanks(worldSize)) {
            for (Reduction reduction : List.of(FAST, BF16)) {
                List<Result> results = ranks.runAll(
                        Transport.parse(transport), collectives -> Result.of(collectives, numLeaves, reduction));
                long sent = 0;
                for (int i = 0; i < LENGTHS.length; i++) {
                    float[] expected = expected(numLeaves, worldSize, reduction, LENGTHS[i]);
                    for (Result result : results) {
                        assertArrayEquals(expected, result.sums.get(i), reduction + ", length " + LENGTHS[i]);
                    }
                    sent += (worldSize - 1L) * LENGTHS[i] * (reduction.wire() == Wire.BF16 ? 2 : 4);
                }
                assertEquals(
                        sent,
                        results.stream().mapToLong(Result::bytesSent).sum(),
                        "one slice of a rank for each shard");
            }
        }
    }

    /**
     * What fast sums save on the wire: three ranks with three, three and two of eight microbatches have five nodes of
     * the tree.
     */
    @Test
    void shouldSendFewerSlicesThanAnExactSum() throws Exception {
        try (LocalRanks ranks = new LocalRanks(3)) {
            long exact = 0;
            for (Reduction reduction : List.of(Reduction.EXACT, FAST, BF16)) {
                long sent = ranks.runAll(Transport.IPC, collectives -> Result.of(collectives, 8, reduction)).stream()
                        .mapToLong(Result::bytesSent)
                        .sum();
                if (reduction.isExact()) {
                    exact = sent;
                } else {
                    assertEquals(3.0 / 5 * reduction.wire().bytes() / Float.BYTES, (double) sent / exact, 0.01);
                }
            }
        }
    }

    @Test
    void shouldCarryNansAndInfinities() throws Exception {
        try (LocalRanks ranks = new LocalRanks(2)) {
            List<float[]> results = ranks.runAll(Transport.IPC, collectives -> {
                float[] values = {Float.POSITIVE_INFINITY, Float.NaN, Float.NEGATIVE_INFINITY, 1};
                float[] sum = new float[4];
                collectives
                        .allReduce(
                                LABEL,
                                ReductionPlan.ofWhole(new ReductionTree(2, BF16), 2),
                                List.of(CollectiveBuffer.of(MemorySegment.ofArray(values), Float.BYTES)),
                                CollectiveBuffer.of(MemorySegment.ofArray(sum), Float.BYTES))
                        .await();
                return sum;
            });
            for (float[] sum : results) {
                assertArrayEquals(new float[] {Float.POSITIVE_INFINITY, Float.NaN, Float.NEGATIVE_INFINITY, 2}, sum);
            }
        }
    }

    @Test
    void shouldReadFlagsAndRefuseWhatDoesNotGoTogether() {
        assertEquals(Reduction.EXACT, Reduction.parse("exact", "fp32"));
        assertEquals(BF16, Reduction.parse("fast", "bf16"));
        assertEquals(
                "--wire bf16 rounds what ranks send, --reduction exact sums without; use --reduction fast with"
                        + " it, or --wire fp32",
                assertThrows(ConfigException.class, () -> Reduction.parse("exact", "bf16"))
                        .getMessage());
        assertEquals(
                "--reduction quick is unknown; use exact or fast",
                assertThrows(ConfigException.class, () -> Reduction.parse("quick", "fp32"))
                        .getMessage());
        assertEquals(
                "--wire fp16 is unknown; use fp32 or bf16",
                assertThrows(ConfigException.class, () -> Reduction.parse("fast", "fp16"))
                        .getMessage());
    }
}
