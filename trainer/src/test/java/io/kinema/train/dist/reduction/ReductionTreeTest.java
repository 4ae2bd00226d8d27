package io.kinema.train.dist.reduction;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReductionTreeTest {
    @Test
    void shouldSplitAtTheLargestPowerOfTwoBelowTheLength() {
        ReductionTree tree = new ReductionTree(7);
        assertEquals(List.of(new LeafRange(0, 7)), tree.cover(new LeafRange(0, 7)));
        assertEquals(
                List.of(new LeafRange(1, 2), new LeafRange(2, 4), new LeafRange(4, 6)),
                tree.cover(new LeafRange(1, 6)));
        assertEquals(List.of(new LeafRange(4, 7)), tree.cover(new LeafRange(4, 7)));
        assertEquals(List.of(new LeafRange(5, 6), new LeafRange(6, 7)), tree.cover(new LeafRange(5, 7)));
    }

    @Test
    void shouldGiveEveryLeafToOneRank() {
        for (int numLeaves = 1; numLeaves <= 40; numLeaves++) {
            ReductionTree tree = new ReductionTree(numLeaves);
            for (int worldSize = 1; worldSize <= numLeaves; worldSize++) {
                int next = 0;
                for (int r = 0; r < worldSize; r++) {
                    assertEquals(next, tree.leavesOf(r, worldSize).lo());
                    next = tree.leavesOf(r, worldSize).hi();
                }
                assertEquals(numLeaves, next);
            }
        }
    }

    /** Both ways of summing as text, where every parenthesis shows: "((0+1)+(2+3))". */
    @Test
    void shouldSumInOneOrderForEveryWorldSize() {
        for (int numLeaves = 1; numLeaves <= 33; numLeaves++) {
            ReductionTree tree = new ReductionTree(numLeaves);
            String expected = parenthesized(0, numLeaves);
            for (int worldSize = 1; worldSize <= numLeaves; worldSize++) {
                List<LeafRange> cover = new ArrayList<>();
                List<String> slots = new ArrayList<>();
                for (int r = 0; r < worldSize; r++) {
                    LeafRange leaves = tree.leavesOf(r, worldSize);
                    cover.addAll(tree.cover(leaves));
                    slots.addAll(partials(tree, leaves));
                }
                assertEquals(cover.size(), slots.size());
                ReductionTree.Sum sum = tree.sumOf(cover);
                add(sum, slots);
                assertEquals(List.of(0), sum.slots());
                assertEquals(expected, slots.getFirst());
            }
        }
    }

    private static void add(ReductionTree.Sum sum, List<String> slots) {
        for (ReductionTree.Merge merge : sum.merges()) {
            slots.set(merge.into(), "(" + slots.get(merge.into()) + "+" + slots.get(merge.term()) + ")");
        }
    }

    /** As an owner of a shard does that carries partial sums from round to round. */
    @Test
    void shouldSumInTheSameOrderFromRoundToRound() {
        for (int numLeaves = 1; numLeaves <= 33; numLeaves++) {
            ReductionTree tree = new ReductionTree(numLeaves);
            for (int worldSize = 1; worldSize <= numLeaves; worldSize++) {
                List<LeafRange> nodes = List.of();
                List<String> carried = List.of();
                for (ReductionPlan plan : ReductionPlan.ofRounds(tree, worldSize)) {
                    List<LeafRange> all = new ArrayList<>(nodes);
                    List<String> slots = new ArrayList<>(carried);
                    for (int rank = 0; rank < worldSize; rank++) {
                        all.addAll(plan.nodesOf(rank));
                        plan.nodesOf(rank).forEach(leaf -> slots.add(Integer.toString(leaf.lo())));
                    }
                    ReductionTree.Sum sum = tree.sumOf(all);
                    add(sum, slots);
                    assertEquals(carried.size(), plan.numCarried());
                    assertEquals(sum.slots().size(), plan.numResults());
                    carried = sum.slots().stream().map(slots::get).toList();
                    nodes = sum.nodes();
                    assertTrue(carried.size() <= 1 + 32 - Integer.numberOfLeadingZeros(numLeaves), carried.toString());
                }
                assertEquals(List.of(parenthesized(0, numLeaves)), carried);
            }
        }
    }

    private static String parenthesized(int lo, int hi) {
        if (hi - lo == 1) {
            return Integer.toString(lo);
        }
        int power = 1;
        while (2 * power < hi - lo) {
            power *= 2;
        }
        return "(" + parenthesized(lo, lo + power) + "+" + parenthesized(lo + power, hi) + ")";
    }

    private static List<String> partials(ReductionTree tree, LeafRange leaves) {
        List<StringBuilder> released = new ArrayList<>();
        TreeSum<StringBuilder> sum = new TreeSum<>(
                tree,
                leaves,
                (into, term) -> into.insert(0, '(').append('+').append(term).append(')'),
                released::add);
        for (int leaf = leaves.lo(); leaf < leaves.hi(); leaf++) {
            sum.add(leaf, new StringBuilder().append(leaf));
            int held = leaf - leaves.lo() + 1 - released.size();
            int bound = 1 + (leaves.lo() == 0 ? 1 : 2) * (32 - Integer.numberOfLeadingZeros(tree.numLeaves() - 1));
            assertTrue(held <= bound, held + " of " + leaves);
        }
        List<StringBuilder> partials = sum.partials();
        assertEquals(leaves.count(), partials.size() + released.size());
        return partials.stream().map(StringBuilder::toString).toList();
    }

    @Test
    void shouldRefuseMoreRanksThanMicrobatches() {
        ConfigException e = assertThrows(ConfigException.class, () -> new ReductionTree(6).leavesOf(0, 8));
        assertEquals("microbatches=6 is less than nodes=8; raise --microbatches or lower --nodes", e.getMessage());
    }

    @Test
    void shouldRefuseLeavesOutOfOrderAndMissingOnes() {
        TreeSum<int[]> sum =
                new TreeSum<>(new ReductionTree(4), new LeafRange(1, 3), (into, term) -> into[0] += term[0], t -> {});
        assertThrows(IllegalStateException.class, () -> sum.add(2, new int[1]));
        sum.add(1, new int[1]);
        assertThrows(IllegalStateException.class, sum::partials);
        sum.add(2, new int[1]);
        assertThrows(IllegalStateException.class, () -> sum.add(3, new int[1]));
        assertEquals(2, sum.partials().size());
    }

    @Test
    void shouldRefuseNodesThatAreNotNeighbours() {
        ReductionTree tree = new ReductionTree(4);
        assertThrows(IllegalArgumentException.class, () -> tree.sumOf(List.of(new LeafRange(1, 2))));
        assertThrows(
                IllegalArgumentException.class, () -> tree.sumOf(List.of(new LeafRange(0, 4), new LeafRange(4, 5))));
        assertThrows(
                IllegalArgumentException.class,
                () -> tree.sumOf(List.of(new LeafRange(0, 2), new LeafRange(1, 2), new LeafRange(2, 4))));
    }

    @Test
    void shouldCutShardsAtTheAlignmentOnly() {
        long[] lengths = new long[5];
        ShardLayout layout = new ShardLayout(3 * 64, 64, 5);
        for (int r = 0; r < 5; r++) {
            assertEquals(0, layout.offset(r) % 64);
            lengths[r] = layout.length(r);
        }
        assertArrayEquals(new long[] {0, 64, 0, 64, 64}, lengths);
        assertEquals(3 * 64, layout.offset(5));
        assertThrows(IllegalArgumentException.class, () -> new ShardLayout(65, 64, 2));
    }
}
