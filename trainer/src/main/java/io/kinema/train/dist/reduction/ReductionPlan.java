package io.kinema.train.dist.reduction;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What one reduce-scatter adds, and in which order: the partial sums that the owner of a shard has carried along, then
 * those of each rank in rank order, are the leftmost nodes of a {@link ReductionTree} from left to right; whatever they
 * complete is added. It also says what travels. Made once and used in every step; not thread-safe.
 */
public final class ReductionPlan {
    /** Elements summed at a time. */
    public static final int BLOCK = 2048;

    private final List<List<LeafRange>> nodesOfRanks;
    private final ReductionTree.Sum sum;
    /** By rank, the slot of its first node; carried ones come first. */
    private final int[] firstSlot;

    private final float[][] slots;
    private final Wire wire;
    private final UnaryOperator<CollectiveBuffer> onWire;
    /** The slots, as what comes from other ranks is written there. */
    private final List<CollectiveBuffer> arriving = new ArrayList<>();

    private ReductionPlan(ReductionTree tree, List<LeafRange> carried, List<List<LeafRange>> nodesOfRanks) {
        this.nodesOfRanks = nodesOfRanks;
        List<LeafRange> nodes = new ArrayList<>(carried);
        firstSlot = new int[nodesOfRanks.size()];
        for (int rank = 0; rank < firstSlot.length; rank++) {
            firstSlot[rank] = nodes.size();
            nodes.addAll(nodesOfRanks.get(rank));
        }
        sum = tree.sumOf(nodes);
        slots = new float[nodes.size()][BLOCK];
        wire = tree.reduction().wire();
        onWire = wire == Wire.BF16 ? new Bf16Wire()::of : UnaryOperator.identity();
        for (float[] slot : slots) {
            arriving.add(onWire(CollectiveBuffer.of(MemorySegment.ofArray(slot), Float.BYTES)));
        }
    }

    /**
     * Plans one exchange a step: every rank has summed neighbouring leaves, {@link ReductionTree#leavesOf}.
     *
     * @param tree the step's tree
     * @param worldSize N, at most the number of leaves
     * @return the plan; it carries nothing, and one sum results
     */
    public static ReductionPlan ofWhole(ReductionTree tree, int worldSize) {
        List<List<LeafRange>> nodes = new ArrayList<>();
        for (int rank = 0; rank < worldSize; rank++) {
            nodes.add(tree.cover(tree.leavesOf(rank, worldSize)));
        }
        return new ReductionPlan(tree, List.of(), nodes);
    }

    /**
     * Plans an exchange after every leaf of a rank: in round j, rank r has leaf {@code j·N + r}, or none beyond the
     * last. The results of a round, at most {@code log2(V) + 1} of an exact sum and one of another, are what the next
     * one carries; the last round's is one.
     *
     * @param tree the step's tree
     * @param worldSize N, at most the number of leaves
     * @return the plans of the rounds, in order
     */
    public static List<ReductionPlan> ofRounds(ReductionTree tree, int worldSize) {
        List<ReductionPlan> rounds = new ArrayList<>();
        List<LeafRange> carried = List.of();
        for (int first = 0; first < tree.numLeaves(); first += worldSize) {
            List<List<LeafRange>> nodes = new ArrayList<>();
            for (int leaf = first; leaf < first + worldSize; leaf++) {
                nodes.add(leaf < tree.numLeaves() ? List.of(new LeafRange(leaf, leaf + 1)) : List.of());
            }
            ReductionPlan round = new ReductionPlan(tree, carried, nodes);
            rounds.add(round);
            carried = round.sum.nodes();
        }
        return Collections.unmodifiableList(rounds);
    }

    /**
     * Returns which partial sums a rank gives.
     *
     * @param rank 0 to N − 1
     * @return nodes of the tree, left to right; none where it has no leaf
     */
    public List<LeafRange> nodesOf(int rank) {
        return nodesOfRanks.get(rank);
    }

    /**
     * Returns how many partial sums the owner of a shard brings along.
     *
     * @return the number of results of the round before
     */
    public int numCarried() {
        return firstSlot[0];
    }

    /**
     * Returns how many sums there are then.
     *
     * @return at least 1
     */
    public int numResults() {
        return sum.slots().size();
    }

    /**
     * Returns the number of ranks.
     *
     * @return N
     */
    public int worldSize() {
        return firstSlot.length;
    }

    /**
     * Returns how many cover nodes a rank's microbatches make up.
     *
     * @param rank this rank, from 0
     * @return 0 where it has no microbatch in this round
     */
    public int numNodes(int rank) {
        return nodesOfRanks.get(rank).size();
    }

    /**
     * Bytes of an element that travels.
     *
     * @return 4 for fp32, 2 for bf16
     */
    public int wireBytes() {
        return wire.bytes();
    }

    /**
     * An fp32 vector as it travels.
     *
     * @param fp32 a vector of fp32 values
     * @return the same vector, or a view of it that rounds
     */
    public CollectiveBuffer onWire(CollectiveBuffer fp32) {
        return onWire.apply(fp32);
    }

    /**
     * Where one block of a carried sum goes.
     *
     * @param index counts from 0
     * @return fp32 values of one block
     */
    public float[] carried(int index) {
        return slots[index];
    }

    /**
     * Where one block of a node of this rank goes.
     *
     * @param rank this rank, from 0
     * @param node the cover node, counted among those of its rank
     * @return fp32 values of one block
     */
    public float[] slot(int rank, int node) {
        return slots[firstSlot[rank] + node];
    }

    /**
     * Where one block of another rank's node goes as it has come.
     *
     * @param rank this rank, from 0
     * @param node the cover node, counted among those of its rank
     * @return where frames of that node are written
     */
    public CollectiveBuffer arriving(int rank, int node) {
        return arriving.get(firstSlot[rank] + node);
    }

    /**
     * One block of a result, after {@link #add}.
     *
     * @param index counts from 0
     * @return fp32 values of one block
     */
    public float[] result(int index) {
        return slots[sum.slots().get(index)];
    }

    /**
     * Adds what is in the slots.
     *
     * @param length elements of the block
     */
    public void add(int length) {
        for (ReductionTree.Merge merge : sum.merges()) {
            add(slots[merge.into()], slots[merge.term()], length);
        }
    }

    private static void add(float[] into, float[] term, int length) {
        for (int i = 0; i < length; i++) {
            into[i] += term[i];
        }
    }
}
