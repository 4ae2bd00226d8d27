package io.kinema.train.tensor;

/**
 * A branch and the residual stream that it was added to.
 *
 * @param branchLD the branch before its gate [L, D]
 * @param outLD the stream with the gated branch added [L, D]
 */
public record Gated(Tensor branchLD, Tensor outLD) {}
