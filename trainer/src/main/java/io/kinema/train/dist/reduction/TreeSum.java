package io.kinema.train.dist.reduction;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * Sums one rank's microbatch gradients along the {@link ReductionTree} as they are computed, and ends with the partial
 * sums of the rank's cover nodes.
 *
 * <p>Values are opaque: a device tensor, a host vector. At most {@code 2·log2(V) + 1} of them are held at a time
 * ({@code log2(V) + 1} when the rank's leaves begin at leaf 0), and two where the sum is not exact. Not thread-safe.
 *
 * @param <T> the type of a gradient
 */
public final class TreeSum<T> {
    private final ReductionTree tree;
    private final LeafRange leaves;
    private final BiConsumer<T, T> mergeIntoFirst;
    private final Consumer<T> release;
    private final List<LeafRange> nodes = new ArrayList<>();
    private final List<T> values = new ArrayList<>();
    private int nextLeaf;

    /**
     * Starts an empty sum.
     *
     * @param tree the step's tree
     * @param leaves the leaves that this rank computes
     * @param mergeIntoFirst adds its second argument to its first, in place
     * @param release called with each value that has been merged into another and is no longer needed
     */
    public TreeSum(ReductionTree tree, LeafRange leaves, BiConsumer<T, T> mergeIntoFirst, Consumer<T> release) {
        this.tree = tree;
        this.leaves = leaves;
        this.mergeIntoFirst = mergeIntoFirst;
        this.release = release;
        this.nextLeaf = leaves.lo();
    }

    /**
     * Adds the value of the next leaf and merges every node that it completes.
     *
     * @param leafIndex the leaf; the range's first on the first call, one more each time
     * @param value its value, owned by this sum from here on
     * @throws IllegalStateException when leaves come out of order or beyond the range
     */
    public void add(int leafIndex, T value) {
        if (leafIndex != nextLeaf || leafIndex >= leaves.hi()) {
            throw new IllegalStateException("leaf " + leafIndex + " added to " + leaves + " when leaf " + nextLeaf
                    + " was due: microbatches must be summed in order");
        }
        nextLeaf++;
        nodes.add(new LeafRange(leafIndex, leafIndex + 1));
        values.add(value);
        while (nodes.size() > 1 && tree.areSiblings(nodes.get(nodes.size() - 2), nodes.getLast())) {
            LeafRange right = nodes.removeLast();
            LeafRange left = nodes.removeLast();
            T term = values.removeLast();
            mergeIntoFirst.accept(values.getLast(), term);
            release.accept(term);
            nodes.add(new LeafRange(left.lo(), right.hi()));
        }
    }

    /**
     * Tells whether the value of the next leaf will at once be merged into another.
     *
     * @return whether it completes a node
     */
    public boolean mergesNext() {
        return !nodes.isEmpty() && tree.areSiblings(nodes.getLast(), new LeafRange(nextLeaf, nextLeaf + 1));
    }

    /**
     * Hands over the partial sums of the rank's cover nodes.
     *
     * @return one value for each node of {@link ReductionTree#cover}, left to right, owned by the caller
     * @throws IllegalStateException when a leaf is missing
     */
    public List<T> partials() {
        if (nextLeaf != leaves.hi()) {
            throw new IllegalStateException("leaves " + nextLeaf + " to " + (leaves.hi() - 1) + " were not added");
        }
        return List.copyOf(values);
    }
}
