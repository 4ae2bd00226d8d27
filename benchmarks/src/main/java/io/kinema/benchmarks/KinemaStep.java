package io.kinema.benchmarks;

import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.model.Flops;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.Stretch;
import io.kinema.train.tensor.Tensor;
import java.util.Arrays;
import java.util.List;

/** A model with its optimizer, and one microbatch to train it on. */
final class KinemaStep {
    private static final double LEARNING_RATE = 1e-4;
    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.95;
    private static final double EPSILON = 1e-8;
    private static final double WEIGHT_DECAY = 0.01;
    private static final double CLIP_NORM = 1;

    private final Device device;
    private final DiffusionLoss loss;
    private final Gradients gradients;
    private final Microbatch batch;
    private final List<GroupState> groups;
    private final Scalars squares;
    private final double flops;
    private final long values;
    private long count;

    /** What an update of a group of parameters reads and changes. */
    private record GroupState(
            Tensor weights,
            Tensor sums,
            Tensor master,
            Tensor firstMoment,
            Tensor secondMoment,
            List<Stretch> stretches) {
        static GroupState of(Device device, Group group, Tensor weights, Tensor sums) {
            long size = weights.size();
            Tensor master = weights;
            if (device.workingType() != device.dtype()) {
                master = device.zeros(size);
                device.copy(master, weights);
            }
            List<Stretch> stretches = group.stretches(0, size);
            return new GroupState(weights, sums, master, device.zeros(size), device.zeros(size), stretches);
        }

        int blocks() {
            return Math.toIntExact(sums.size() / Device.SHARD_ALIGNMENT);
        }
    }

    /** Allocates in the innermost scope. */
    KinemaStep(Device device, StepCase of) {
        this.device = device;
        SpacetimeDit model = new SpacetimeDit(of.model());
        ParameterSet weights = Formulas.weights(device, model);
        ParameterSet sums = ParameterSet.gradients(device, model.layout());
        groups = model.layout().groups().stream()
                .map(group -> GroupState.of(device, group, weights.flat(group), sums.flat(group)))
                .toList();
        loss = new DiffusionLoss(model, device);
        gradients = new Gradients(weights, sums);
        batch = of.microbatch();
        flops = Flops.training(of.model(), batch.packing());
        values = batch.numValues(of.model().tokens());
        squares = device.scalars(groups.stream().mapToInt(GroupState::blocks).sum());
    }

    /** Forward, backward, the gradient's norm and an update of all weights; returns the loss. */
    double run() {
        groups.forEach(group -> device.zero(group.sums));
        double[] errorS;
        try (Device.Scope _ = device.openScope()) {
            Scalars errors = loss.forwardBackward(gradients, batch, 1.0 / values);
            int first = 0;
            for (GroupState group : groups) {
                device.sumOfSquares(group.sums, Device.SHARD_ALIGNMENT, squares, first);
                first += group.blocks();
            }
            errorS = device.read(errors);
        }
        double norm = Math.sqrt(Arrays.stream(device.read(squares)).sum());
        count++;
        double clip = norm > CLIP_NORM ? CLIP_NORM / norm : 1;
        for (GroupState group : groups) {
            AdamWStep step =
                    new AdamWStep(LEARNING_RATE, BETA1, BETA2, EPSILON, WEIGHT_DECAY, count, clip, group.stretches);
            device.adamw(group.master, group.sums, group.firstMoment, group.secondMoment, group.weights, step);
        }
        return Arrays.stream(errorS).sum() / values;
    }

    /** Floating point operations of a step's products. */
    double flops() {
        return flops;
    }
}
