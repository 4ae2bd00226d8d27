package io.kinema.train.diffusion;

import io.kinema.train.model.Gradients;
import io.kinema.train.model.Packing;
import io.kinema.train.model.Parameters;
import io.kinema.train.model.Patches;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;

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
     * @return the sum of squared errors of each clip [S], not scaled; on the device, in its innermost scope
     */
    public Scalars forwardBackward(Gradients to, Microbatch batch, double scale) {
        Evaluated evaluated = evaluate(to.weights(), batch, scale);
        model.backward(device, to, evaluated.error.dPrediction(), evaluated.forward.saved());
        return evaluated.error.sumS();
    }

    /**
     * Returns the error of a microbatch.
     *
     * @param weights the parameters
     * @param batch the clips
     * @return the sum of squared errors of each clip [S]; on the device, in its innermost scope
     */
    public Scalars forward(Parameters weights, Microbatch batch) {
        return evaluate(weights, batch, 0).error.sumS();
    }

    private Evaluated evaluate(Parameters weights, Microbatch batch, double scale) {
        Packing packing = batch.packing();
        int rows = packing.tokens().total();
        int values = Patches.values(model.config().patch());
        Mixtures by = batch.mixtures();
        Tensor cleanLP = device.of(batch.cleanLP(), 0, rows, values);
        Tensor noiseLP = device.of(batch.noiseLP(), 0, rows, values);
        Tensor noisedLP = device.mix(cleanLP, noiseLP, by.data(), by.noise(), packing.tokens());
        Tensor targetLP = device.mix(cleanLP, noiseLP, by.targetData(), by.targetNoise(), packing.tokens());
        SpacetimeDit.Forward forward = model.forward(device, weights, noisedLP, packing, by.tauS());
        return new Evaluated(forward, device.squaredError(forward.outputLP(), targetLP, packing.tokens(), scale));
    }
}
