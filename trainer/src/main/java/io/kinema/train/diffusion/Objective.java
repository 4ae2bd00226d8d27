package io.kinema.train.diffusion;

import io.kinema.data.command.ConfigException;
import java.util.List;
import java.util.Locale;

/**
 * A forward process and the target that the network predicts, both linear in the clip and the noise. A network that
 * predicts the clip itself would be one more {@link Prediction}, with a target of the clip alone.
 */
public sealed interface Objective permits RectifiedFlow, NoisePrediction {

    /** What the network's output stands for. */
    enum Prediction {
        /** The noise ε. */
        NOISE,
        /** The velocity ε − x_0. */
        VELOCITY;

        /**
         * Returns the name.
         *
         * @return as in messages
         */
        public String text() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * How a clip and its noise are mixed at one time: {@code x_t = data·x_0 + noise·ε}, target {@code targetData·x_0 +
     * targetNoise·ε}.
     *
     * @param tau the time as the network is told it, 0 to 1000
     * @param data weight of the clip
     * @param noise weight of the noise
     * @param targetData weight of the clip in the target
     * @param targetNoise weight of the noise in the target
     */
    record Mixture(double tau, double data, double noise, double targetData, double targetNoise) {}

    /**
     * Returns a forward process.
     *
     * @param name as in {@code --diffusion}: flow, ddpm-linear or ddpm-cosine
     * @param timeShift of a flow, see {@link RectifiedFlow}; the others have none
     * @return the process
     * @throws ConfigException when there is none of that name, or the shift is out of range
     */
    static Objective named(String name, double timeShift) {
        return switch (name) {
            case "flow" -> new RectifiedFlow(timeShift);
            case "ddpm-linear" -> NoisePrediction.linear();
            case "ddpm-cosine" -> NoisePrediction.cosine();
            default ->
                throw new ConfigException(
                        "--diffusion " + name + " is not known; use one of [flow, ddpm-linear, ddpm-cosine]");
        };
    }

    /**
     * Says what is learned; the target of every {@link Mixture} follows from the answer.
     *
     * @return what the network predicts
     */
    Prediction prediction();

    /**
     * Says how a trained network is sampled.
     *
     * @return the methods that go with the prediction, the default one first
     */
    List<SamplingMethod> samplers();

    /**
     * Draws a training time.
     *
     * @param uniform in (0, 1)
     * @param normal a standard normal deviate, independent of the other
     * @return how to mix at that time
     */
    Mixture draw(double uniform, double normal);

    /**
     * Finds a time by how often training draws an earlier one.
     *
     * @param share of the times that are drawn, in (0, 1)
     * @return how to mix at the time below which that share lies
     */
    Mixture quantile(double share);
}
