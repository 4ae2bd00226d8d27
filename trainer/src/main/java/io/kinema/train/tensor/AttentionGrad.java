package io.kinema.train.tensor;

/**
 * The gradients of attention's inputs.
 *
 * @param dqLNK of the queries [Lq, N, K]
 * @param dkLNK of the keys [Lk, N, K]
 * @param dvLNK of the values [Lk, N, K]
 */
public record AttentionGrad(Tensor dqLNK, Tensor dkLNK, Tensor dvLNK) {}
