package io.kinema.train.dist.reduction;

import io.kinema.data.command.ConfigException;
import java.util.ArrayList;
import java.util.List;

/**
 * The fixed binary tree along which a step's microbatch gradients are summed, whatever the world size.
 *
 * <p>The root is {@code [0, V)}. A node {@code [lo, hi)} of more than one leaf splits at {@code lo + p}, where
 * {@code p} is the largest power of two below {@code hi - lo}. Floating-point addition is not associative; because the
 * tree depends on V alone, a sum along it has the same bits wherever its leaves were computed.
 *
 * <p>Where the {@link Reduction} is not exact, any leaves that follow each other are a node, and any two neighbours are
 * joined as soon as they meet: a rank ends with one sum of its leaves, and an owner adds the sums of ranks from left to
 * right.
 *
 * @param numLeaves V, the microbatches of a step, at least 1
 * @param reduction whether sums keep to the tree
 */
public record ReductionTree(int numLeaves, Reduction reduction) {
    /**
     * One addition of a sum: {@code slot[into] = slot[into] + slot[term]}.
     *
     * @param into the left operand's slot, which receives the sum
     * @param term the right operand's slot
     */
    public record Merge(int into, int term) {}

    /**
     * Checks the number of leaves.
     *
     * @throws IllegalArgumentException when there is no leaf
     */
    public ReductionTree {
        if (numLeaves < 1) {
            throw new IllegalArgumentException("numLeaves=" + numLeaves + ", at least 1 is needed");
        }
    }

    /**
     * Makes a tree that sums keep to.
     *
     * @param numLeaves V, at least 1
     */
    public ReductionTree(int numLeaves) {
        this(numLeaves, Reduction.EXACT);
    }

    /**
     * Returns the contiguous leaves that a rank computes: {@code [rank·V/N, (rank + 1)·V/N)}.
     *
     * @param rank 0 to worldSize − 1
     * @param worldSize N, at most V
     * @return at least one leaf
     * @throws ConfigException when there are more ranks than leaves
     */
    public LeafRange leavesOf(int rank, int worldSize) {
        if (worldSize > numLeaves) {
            throw new ConfigException("microbatches=" + numLeaves + " is less than nodes=" + worldSize
                    + "; raise --microbatches or lower --nodes");
        }
        int lo = (int) ((long) rank * numLeaves / worldSize);
        int hi = (int) ((rank + 1L) * numLeaves / worldSize);
        return new LeafRange(lo, hi);
    }

    /**
     * Returns the maximal nodes that lie inside a leaf range, left to right: the fewest partial sums that stand for
     * these leaves.
     *
     * @param leaves a range within {@code [0, V)}
     * @return the nodes; together they are exactly {@code leaves}
     */
    public List<LeafRange> cover(LeafRange leaves) {
        if (!reduction.isExact()) {
            return List.of(leaves);
        }
        List<LeafRange> nodes = new ArrayList<>();
        collectCover(new LeafRange(0, numLeaves), leaves, nodes);
        return List.copyOf(nodes);
    }

    /**
     * What becomes of nodes that lie in slots 0, 1, … from left to right.
     *
     * @param merges the additions, to be done in this order
     * @param nodes which nodes are left, left to right; the root alone when the slots had the whole tree
     * @param slots where each of them is
     */
    public record Sum(List<Merge> merges, List<LeafRange> nodes, List<Integer> slots) {}

    /**
     * Returns the additions that join nodes as far as they complete others.
     *
     * @param nodes neighbouring nodes of this tree from leaf 0 on, left to right
     * @return the additions, and what is left
     * @throws IllegalArgumentException when the nodes are not neighbours from leaf 0 on
     */
    public Sum sumOf(List<LeafRange> nodes) {
        List<Merge> merges = new ArrayList<>();
        List<LeafRange> left = new ArrayList<>();
        List<Integer> slots = new ArrayList<>();
        int end = 0;
        for (int slot = 0; slot < nodes.size(); slot++) {
            LeafRange node = nodes.get(slot);
            if (node.lo() != end || node.hi() > numLeaves) {
                throw new IllegalArgumentException(nodes + " are no neighbours from leaf 0 to at most " + numLeaves);
            }
            end = node.hi();
            left.add(node);
            slots.add(slot);
            while (left.size() > 1 && areSiblings(left.get(left.size() - 2), left.getLast())) {
                LeafRange right = left.removeLast();
                merges.add(new Merge(slots.get(slots.size() - 2), slots.removeLast()));
                left.add(new LeafRange(left.removeLast().lo(), right.hi()));
            }
        }
        return new Sum(List.copyOf(merges), List.copyOf(left), List.copyOf(slots));
    }

    /** Whether two adjacent ranges are the left and right child of one node. */
    boolean areSiblings(LeafRange left, LeafRange right) {
        if (!reduction.isExact()) {
            return true;
        }
        int lo = 0;
        int hi = numLeaves;
        while (hi - lo > 1) {
            int split = split(lo, hi);
            if (left.lo() == lo && right.hi() == hi) {
                return left.hi() == split && right.lo() == split;
            }
            if (right.hi() <= split) {
                hi = split;
            } else if (left.lo() >= split) {
                lo = split;
            } else {
                return false;
            }
        }
        return false;
    }

    private static int split(int lo, int hi) {
        return lo + Integer.highestOneBit(hi - lo - 1);
    }

    private void collectCover(LeafRange node, LeafRange leaves, List<LeafRange> nodes) {
        if (node.hi() <= leaves.lo() || leaves.hi() <= node.lo()) {
            return;
        }
        if (leaves.lo() <= node.lo() && node.hi() <= leaves.hi()) {
            nodes.add(node);
            return;
        }
        int split = split(node.lo(), node.hi());
        collectCover(new LeafRange(node.lo(), split), leaves, nodes);
        collectCover(new LeafRange(split, node.hi()), leaves, nodes);
    }
}
