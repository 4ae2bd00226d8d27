package io.kinema.train.tensor;

/**
 * How the heads of queries and keys are normed, then turned.
 *
 * @param queryNormK weight of the queries' RMS norm [K], shared by the heads
 * @param keyNormK weight of the keys' [K]
 * @param cosLP cosines of the rotary angles [L, K/2]
 * @param sinLP sines [L, K/2]
 */
public record HeadRotation(Tensor queryNormK, Tensor keyNormK, Tensor cosLP, Tensor sinLP) {}
