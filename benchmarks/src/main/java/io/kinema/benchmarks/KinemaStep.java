package io.kinema.benchmarks;

import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.model.Flops;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.util.Arrays;

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
    private final Tensor flatWeights;
    private final Tensor flatSums;
    private final Tensor master;
    private final Tensor firstMoment;
    private final Tensor secondMoment;
    private final double[] squares;
    private final double flops;
    private final long values;
    private long count;

    /** Allocates in the innermost scope. */
    KinemaStep(Device device, StepCase of) {
        this.device = device;
        SpacetimeDit model = new SpacetimeDit(of.model());
        ParameterSet weights = Formulas.weights(device, model);
        ParameterSet sums = ParameterSet.gradients(device, model.layout());
        flatWeights = weights.flat();
        flatSums = sums.flat();
        loss = new DiffusionLoss(model, device);
        gradients = new Gradients(weights, sums);
        batch = of.microbatch();
        flops = Flops.training(of.model(), batch.packing());
        values = batch.numValues(of.model().tokens());
        int size = Math.toIntExact(flatWeights.size());
        squares = new double[size / Device.SHARD_ALIGNMENT];
        if (device.workingType() == device.dtype()) {
            master = flatWeights;
        } else {
            master = device.zeros(size);
            device.copy(master, flatWeights);
        }
        firstMoment = device.zeros(size);
        secondMoment = device.zeros(size);
    }

    /** Forward, backward, the gradient's norm and an update of all weights; returns the loss. */
    double run() {
        device.zero(flatSums);
        double[] errorS;
        try (Device.Scope _ = device.openScope()) {
            errorS = loss.forwardBackward(gradients, batch, 1.0 / values);
            device.sumOfSquares(flatSums, Device.SHARD_ALIGNMENT, squares);
        }
        double norm = Math.sqrt(Arrays.stream(squares).sum());
        count++;
        device.adamw(
                master,
                flatSums,
                firstMoment,
                secondMoment,
                flatWeights,
                new AdamWStep(
                        LEARNING_RATE,
                        BETA1,
                        BETA2,
                        EPSILON,
                        WEIGHT_DECAY,
                        count,
                        norm > CLIP_NORM ? CLIP_NORM / norm : 1));
        return Arrays.stream(errorS).sum() / values;
    }

    /** Floating point operations of a step's products. */
    double flops() {
        return flops;
    }
}
