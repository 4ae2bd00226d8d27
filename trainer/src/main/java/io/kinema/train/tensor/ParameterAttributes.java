package io.kinema.train.tensor;

/**
 * How training treats a parameter.
 *
 * @param isTrainable whether updates change its weights and their average; if not, its gradient counts as zero
 * @param decays whether weight decay applies
 * @param rateFactor multiplied by the learning rate
 */
public record ParameterAttributes(boolean isTrainable, boolean decays, double rateFactor) {
    /** Trained at the learning rate, with weight decay: matrices of linear layers. */
    public static final ParameterAttributes DECAYED = new ParameterAttributes(true, true, 1);

    /** Trained at the learning rate, without weight decay: weights of norms, biases, embeddings. */
    public static final ParameterAttributes NOT_DECAYED = new ParameterAttributes(true, false, 1);
}
