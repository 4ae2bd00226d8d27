package io.kinema.train.diffusion;

import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.Packing;
import io.kinema.train.model.Parameters;
import io.kinema.train.model.Patches;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.function.ToDoubleFunction;

/** The squared error of a prediction on noised clips, forward and backward. */
public final class DiffusionLoss {
    private final SpacetimeDit model;
    private final Device device;

    /** A forward pass with its error. */
    private record Evaluated(SpacetimeDit.Forward forward, SquaredError error) {}

    /**
     * Binds a model to a device.
     *
     * @param model the network
     * @param device where it runs
     */
    public DiffusionLoss(SpacetimeDit model, Device device) {
        this.model = model;
        this.device = device;
    }

    /**
     * Adds the gradient of {@code scale · Σ error} over a microbatch.
     *
     * @param to weights, and sums to add to
     * @param batch the clips
     * @param scale one over the number of values of the whole step, so that microbatches weigh by their tokens, times
     *     the loss scale
     * @return the sum of squared errors of each clip [S], not scaled
     */
    public double[] forwardBackward(Gradients to, Microbatch batch, double scale) {
        Evaluated evaluated = evaluate(to.weights(), batch, scale);
        model.backward(device, to, evaluated.error.dPrediction(), evaluated.forward.saved());
        return evaluated.error.sumS();
    }

    /**
     * Returns the error of a microbatch.
     *
     * @param weights the parameters
     * @param batch the clips
     * @return the sum of squared errors of each clip [S]
     */
    public double[] forward(Parameters weights, Microbatch batch) {
        return evaluate(weights, batch, 0).error.sumS();
    }

    private Evaluated evaluate(Parameters weights, Microbatch batch, double scale) {
        Packing packing = batch.packing();
        int rows = packing.tokens().total();
        int values = Patches.values(model.config().patch());
        Tensor cleanLP = device.of(firstOf(batch.cleanLP(), rows * values), rows, values);
        Tensor noiseLP = device.of(firstOf(batch.noiseLP(), rows * values), rows, values);
        Tensor noisedLP = mix(cleanLP, noiseLP, batch, Mixture::data, Mixture::noise);
        Tensor targetLP = mix(cleanLP, noiseLP, batch, Mixture::targetData, Mixture::targetNoise);
        double[] timeS = each(batch, Mixture::tau);
        SpacetimeDit.Forward forward = model.forward(device, weights, noisedLP, packing, timeS);
        return new Evaluated(forward, device.squaredError(forward.outputLP(), targetLP, packing.tokens(), scale));
    }

    private static MemorySegment firstOf(float[] values, int count) {
        return MemorySegment.ofArray(values).asSlice(0, (long) count * Float.BYTES);
    }

    /** One number of each clip's mixture [S]. */
    private static double[] each(Microbatch batch, ToDoubleFunction<Mixture> number) {
        double[] numberS = new double[batch.mixtures().size()];
        for (int s = 0; s < numberS.length; s++) {
            numberS[s] = number.applyAsDouble(batch.mixtures().get(s));
        }
        return numberS;
    }

    private Tensor mix(
            Tensor cleanLP,
            Tensor noiseLP,
            Microbatch batch,
            ToDoubleFunction<Mixture> clean,
            ToDoubleFunction<Mixture> noise) {
        return device.mix(
                cleanLP,
                noiseLP,
                each(batch, clean),
                each(batch, noise),
                batch.packing().tokens());
    }
}
