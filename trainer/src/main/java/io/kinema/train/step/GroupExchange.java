package io.kinema.train.step;

import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.Pending;
import io.kinema.train.dist.collective.StepLabel;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.reduction.ReductionPlan;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.tensor.Completion;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/**
 * What a rank exchanges with the others, a group of parameters at a time. An exchange waits for the operations on its
 * own group only; the thread that computes goes on with the next.
 *
 * @param device of the tensors
 * @param sharding who keeps what
 * @param collectives empty where nothing is exchanged: a rank is alone, or its memory is only planned
 * @param step how many steps have been made, for labels
 */
record GroupExchange(Device device, Sharding sharding, Optional<Collectives> collectives, LongSupplier step) {
    /** Begins to complete weights of which each rank has its shard. */
    Optional<Pending> gather(Group group, Tensor weights) {
        return collectives.map(ranks -> ranks.allGather(
                label("weights", group), sharding.of(group), buffer(weights, device.completion(weights))));
    }

    /**
     * Begins to sum gradients.
     *
     * @param partials of the whole group
     * @param sums shards, carried and resulting
     */
    Optional<Pending> reduceScatter(Group group, ReductionPlan plan, List<Tensor> partials, List<Tensor> sums) {
        if (collectives.isEmpty()) {
            return Optional.empty();
        }
        Completion given = device.completion(
                Stream.of(partials, sums).flatMap(List::stream).toArray(Tensor[]::new));
        long size = sharding.size(group);
        return Optional.of(collectives
                .get()
                .reduceScatter(
                        label("gradients", group),
                        plan,
                        partials.stream().map(partial -> buffer(partial, given)).toList(),
                        sharding.of(group),
                        sums.stream()
                                .map(sum -> buffer(sum, given).part(0, size))
                                .toList()));
    }

    private CollectiveBuffer buffer(Tensor tensor, Completion given) {
        return new DeviceBuffer(device, tensor, given);
    }

    private StepLabel label(String what, Group group) {
        return new StepLabel(step.getAsLong() + 1, what, group.index());
    }
}
