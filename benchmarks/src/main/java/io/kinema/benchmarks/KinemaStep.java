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
        loss = new DiffusionLoss(model, device);
        gradients = new Gradients(weights, ParameterSet.gradients(device, model.layout()));
        batch = of.microbatch();
        flops = Flops.training(of.model(), batch.packing());
        values = batch.numValues(of.model().patch());
        int size = Math.toIntExact(weights.flat().size());
        squares = new double[size / Device.SHARD_ALIGNMENT];
        if (device.workingType() == device.dtype()) {
            master = weights.flat();
        } else {
            master = device.zeros(size);
            device.copy(master, weights.flat());
        }
        firstMoment = device.zeros(size);
        secondMoment = device.zeros(size);
    }

    /** Forward, backward, the gradient's norm and an update of all weights; returns the loss. */
    double run() {
        Tensor sums = gradients.sums().flat();
        Tensor working = gradients.weights().flat();
        device.zero(sums);
        double[] errorS;
        try (Device.Scope _ = device.openScope()) {
            errorS = loss.forwardBackward(gradients, batch, 1.0 / values);
            device.sumOfSquares(sums, Device.SHARD_ALIGNMENT, squares);
        }
        double norm = Math.sqrt(Arrays.stream(squares).sum());
        count++;
        device.adamw(
                master,
                sums,
                firstMoment,
                secondMoment,
                working,
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
