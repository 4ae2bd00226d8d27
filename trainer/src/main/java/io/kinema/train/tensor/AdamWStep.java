package io.kinema.train.tensor;

/**
 * The scalars of one AdamW update (Loshchilov and Hutter, 1711.05101, algorithm 2).
 *
 * @param learningRate the step size, schedule applied
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay decoupled decay, multiplied by the learning rate
 * @param count the number of this update, from 1, for bias correction
 * @param gradScale factor on the gradient before all else (clipping, loss scale)
 */
public record AdamWStep(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        long count,
        double gradScale) {}
