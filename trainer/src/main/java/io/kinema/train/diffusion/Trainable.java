package io.kinema.train.diffusion;

import io.kinema.train.model.Gradients;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.tensor.Scalars;

/** What a training trains: a network on its device, and the loss that teaches it. Used by one thread at a time. */
public interface Trainable {
    /**
     * Returns where the parameters stand.
     *
     * @return the layout
     */
    ParameterLayout layout();

    /**
     * Adds the gradient of {@code scale · Σ weighted error} over a microbatch. Enters and leaves each group of
     * parameters once forwards, in order, and once backwards.
     *
     * @param to weights, and sums to add to
     * @param batch the clips
     * @param scale one over the weighted number of values of the whole step, times the loss scale
     * @return the weighted sum of squared errors of each clip [S], not scaled; on the device, in its innermost scope
     */
    Scalars forwardBackward(Gradients to, Microbatch batch, double scale);

    /**
     * Enters and leaves every group in the order of {@link #forwardBackward} and computes nothing: for a rank that has
     * no microbatch where others have one.
     *
     * @param to weights and sums
     */
    void visitGroups(Gradients to);

    /**
     * Returns how many values of a token the loss compares: what the error of a token of weight 1 is divided by.
     *
     * @return at least 1
     */
    int valuesOfToken();

    /**
     * Counts the work of {@link #forwardBackward}.
     *
     * @param batch the clips
     * @return floating point operations
     */
    double flops(Microbatch batch);
}
