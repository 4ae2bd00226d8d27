package io.kinema.train;

import io.kinema.train.dist.Collectives;
import io.kinema.train.dist.LeafRange;
import io.kinema.train.dist.ReductionTree;
import io.kinema.train.dist.StepLabel;
import io.kinema.train.dist.TreeSum;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** Sums the gradients of a step's microbatches along the fixed tree: on the device within a rank, by reduce-scatter between them. */
final class GradientSum {
    private final TrainState state;
    private final ReductionTree tree;
    private final LeafRange leaves;
    private final Deque<ParameterSet> free = new ArrayDeque<>();
    private final List<MemorySegment> hostPartials = new ArrayList<>();
    private final MemorySegment hostShard;
    private final Tensor shard;
    private TreeSum<ParameterSet> sum;

    /**
     * Begins a sum, and takes the memory in which it is exchanged.
     *
     * @param arena that host memory belongs to
     */
    GradientSum(TrainState state, ReductionTree tree, Arena arena) {
        this.state = state;
        this.tree = tree;
        this.leaves = tree.leavesOf(state.rank(), state.shards().worldSize());
        int received = isAlone() ? 0 : state.shardSize();
        this.hostShard = arena.allocate((long) received * Float.BYTES, Long.BYTES);
        this.shard = state.device().zeros(Math.max(1, received));
        int sent = isAlone() ? 0 : tree.cover(leaves).size();
        for (int i = 0; i < sent; i++) {
            hostPartials.add(arena.allocate(state.hostFlat().byteSize(), Long.BYTES));
        }
        begin();
    }

    /** Whether there is no rank to exchange anything with. */
    private boolean isAlone() {
        return state.shards().worldSize() == 1;
    }

    private void begin() {
        Device device = state.device();
        sum = new TreeSum<>(tree, leaves, (into, term) -> device.add(into.flat(), term.flat()), free::push);
    }

    /** The microbatches of this rank. */
    LeafRange leaves() {
        return leaves;
    }

    /** Returns gradients of zero for the next microbatch; outside any scope, as they outlive it. */
    ParameterSet zeroed() {
        if (free.isEmpty()) {
            return ParameterSet.gradients(state.device(), state.model().layout());
        }
        ParameterSet gradients = free.pop();
        state.device().zero(gradients.flat());
        return gradients;
    }

    /** Takes the gradients of the next microbatch. */
    void add(int microbatch, ParameterSet gradients) {
        sum.add(microbatch, gradients);
    }

    /** Sums over all ranks; returns this rank's shard, valid until the next call of {@link #zeroed()}. */
    Tensor reduceScatter(Collectives collectives, StepLabel label) {
        List<ParameterSet> partials = sum.partials();
        if (isAlone()) {
            ParameterSet root = partials.getFirst();
            free.push(root);
            begin();
            return root.flat();
        }
        for (int i = 0; i < partials.size(); i++) {
            state.device().read(partials.get(i).flat(), 0, hostPartials.get(i));
            free.push(partials.get(i));
        }
        begin();
        collectives.reduceScatter(label, tree, hostPartials, state.shards(), hostShard);
        if (state.shardSize() > 0) {
            state.device().write(shard, 0, hostShard);
        }
        return shard;
    }
}
