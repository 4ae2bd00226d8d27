package io.kinema.train.diffusion;

import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.model.Flops;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.Packing;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.Parameters;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.function.ToDoubleFunction;

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
     * @return the weighted sum of squared errors of each clip [S]
     */
    public double[] forward(Parameters weights, Microbatch batch) {
        return evaluate(weights, batch, 0).error.sumS();
    }

    private Evaluated evaluate(Parameters weights, Microbatch batch, double scale) {
        Packing packing = batch.packing();
        int rows = packing.tokens().total();
        int values = valuesOfToken();
        Tensor cleanLP = device.of(firstOf(batch.cleanLP(), rows * values), rows, values);
        Tensor noiseLP = device.of(firstOf(batch.noiseLP(), rows * values), rows, values);
        Tensor noisedLP = mix(cleanLP, noiseLP, batch, Mixture::data, Mixture::noise);
        Tensor targetLP = mix(cleanLP, noiseLP, batch, Mixture::targetData, Mixture::targetNoise);
        Tensor weightL = device.of(firstOf(batch.weightL(), rows), rows);
        double[] timeM = each(batch, Mixture::tau);
        SpacetimeDit.Forward forward = model.forward(device, weights, noisedLP, packing, timeM);
        return new Evaluated(
                forward, device.squaredError(forward.outputLP(), targetLP, weightL, packing.tokens(), scale));
    }

    private static MemorySegment firstOf(float[] values, int count) {
        return MemorySegment.ofArray(values).asSlice(0, (long) count * Float.BYTES);
    }

    /** One number of each modulation row's mixture [M]. */
    private static double[] each(Microbatch batch, ToDoubleFunction<Mixture> number) {
        double[] numberM = new double[batch.mixtures().size()];
        for (int m = 0; m < numberM.length; m++) {
            numberM[m] = number.applyAsDouble(batch.mixtures().get(m));
        }
        return numberM;
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
                batch.packing().modulation());
    }
}
