package io.kinema.train.tensor;

/**
 * The result of attention and what its backward needs.
 *
 * @param outLNK the attended values [Lq, N, K]
 * @param logSumExpLN the logarithm of each softmax's denominator [Lq, N]
 */
public record Attention(Tensor outLNK, Tensor logSumExpLN) {}
