package io.kinema.train.tensor;

import java.util.List;

/**
 * One AdamW update of a vector (Loshchilov and Hutter, 1711.05101, algorithm 2).
 *
 * @param learningRate the step size, schedule applied, before a stretch's factor
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay decoupled decay of stretches that have it, multiplied by the learning rate
 * @param count the number of this update, from 1, for bias correction
 * @param gradScale factor on the gradient before all else (clipping, loss scale)
 * @param stretches end to end they are the vector; what is not trained stays as it is
 */
public record AdamWStep(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        long count,
        double gradScale,
        List<Stretch> stretches) {
    /**
     * Returns the step size of a parameter.
     *
     * @param attributes of the parameter
     * @return the learning rate times its factor
     */
    public double learningRate(ParameterAttributes attributes) {
        return learningRate * attributes.rateFactor();
    }

    /**
     * Returns the decay of a parameter.
     *
     * @param attributes of the parameter
     * @return the weight decay, or 0
     */
    public double weightDecay(ParameterAttributes attributes) {
        return attributes.decays() ? weightDecay : 0;
    }
}
