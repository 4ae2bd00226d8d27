package io.kinema.train.model;

/**
 * What a backward pass reads and adds to.
 *
 * @param weights the model's parameters
 * @param sums their gradients, added to
 */
public record Gradients(Parameters weights, Parameters sums) {}
