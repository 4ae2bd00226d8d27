package io.kinema.train.model;

import io.kinema.train.tensor.Tensor;

/**
 * The angles of rotary positions (Su et al., 2104.09864) for every row of a packed sequence, from {@link Positions}.
 *
 * @param cosLP cosines [L, K/2]
 * @param sinLP sines [L, K/2]
 */
record Rotary(Tensor cosLP, Tensor sinLP) {}
