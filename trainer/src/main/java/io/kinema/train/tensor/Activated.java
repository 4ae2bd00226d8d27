package io.kinema.train.tensor;

/**
 * A linear layer's result before and after its activation.
 *
 * @param innerRO before [R, O]
 * @param outRO after [R, O]
 */
public record Activated(Tensor innerRO, Tensor outRO) {}
