package io.kinema.train.tensor;

/**
 * Attention's inputs.
 *
 * @param qLNK queries [Lq, N, K]
 * @param kLNK keys [Lk, N, K]
 * @param vLNK values [Lk, N, K]
 */
public record Qkv(Tensor qLNK, Tensor kLNK, Tensor vLNK) {}
