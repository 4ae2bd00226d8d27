package io.kinema.train;

import io.kinema.train.dist.CollectiveBuffer;
import io.kinema.train.dist.Collectives;
import io.kinema.train.dist.LeafRange;
import io.kinema.train.dist.ReductionTree;
import io.kinema.train.dist.StepLabel;
import io.kinema.train.dist.TreeSum;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
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
    private final Tensor shard;
    private TreeSum<ParameterSet> sum;

    GradientSum(TrainState state, ReductionTree tree) {
        this.state = state;
        this.tree = tree;
        this.leaves = tree.leavesOf(state.rank(), state.shards().worldSize());
        this.shard = state.device().zeros(isAlone() ? 1 : Math.max(1, state.shardSize()));
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
        List<CollectiveBuffer> sent = new ArrayList<>();
        for (ParameterSet partial : partials) {
            sent.add(new DeviceBuffer(state.device(), partial.flat()));
        }
        CollectiveBuffer received = new DeviceBuffer(state.device(), shard).part(0, state.shardSize());
        collectives.reduceScatter(label, tree, sent, state.shards(), received).await();
        partials.forEach(free::push);
        begin();
        return shard;
    }
}
