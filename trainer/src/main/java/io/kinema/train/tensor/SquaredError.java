package io.kinema.train.tensor;

/**
 * A squared error and its gradient.
 *
 * @param sumS the sum of weighted squared differences of each segment, in float64 [S]
 * @param dPrediction the gradient of {@code scale · Σ sumS} [L, P]
 */
public record SquaredError(Scalars sumS, Tensor dPrediction) {}
