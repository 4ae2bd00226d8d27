package io.kinema.train.diffusion;

import io.kinema.train.model.Flops;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.Packing;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.Parameters;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;

/** The weighted squared error of a prediction on noised clips, forward and backward. */
public final class DiffusionLoss implements Trainable {
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

    @Override
    public ParameterLayout layout() {
        return model.layout();
    }

    @Override
    public void visitGroups(Gradients to) {
        model.visitGroups(to);
    }

    @Override
    public int valuesOfToken() {
        return model.config().tokens().values();
    }

    @Override
    public double flops(Microbatch batch) {
        return Flops.training(model.config(), batch.packing());
    }

    @Override
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
     * @return the weighted sum of squared errors of each clip [S]; on the device, in its innermost scope
     */
    public Scalars forward(Parameters weights, Microbatch batch) {
        return evaluate(weights, batch, 0).error.sumS();
    }

    private Evaluated evaluate(Parameters weights, Microbatch batch, double scale) {
        Packing packing = batch.packing();
        int rows = packing.tokens().total();
        int values = valuesOfToken();
        Mixtures by = batch.mixtures();
        Tensor cleanLP = device.of(batch.cleanLP(), 0, rows, values);
        Tensor noiseLP = device.of(batch.noiseLP(), 0, rows, values);
        Tensor weightL = device.of(batch.weightL(), 0, rows);
        Tensor noisedLP = device.mix(cleanLP, noiseLP, by.data(), by.noise(), packing.modulation());
        Tensor targetLP = device.mix(cleanLP, noiseLP, by.targetData(), by.targetNoise(), packing.modulation());
        SpacetimeDit.Forward forward = model.forward(device, weights, noisedLP, packing, by.tauM());
        return new Evaluated(
                forward, device.squaredError(forward.outputLP(), targetLP, weightL, packing.tokens(), scale));
    }
}
