package io.kinema.train.tensor;

/**
 * The memory that a device holds.
 *
 * @param tensorBytes what was allocated outside scopes
 * @param packedBytes weights laid out for products, and what libraries keep
 * @param workspacePeakBytes the most that scopes have held at a time
 */
public record Footprint(long tensorBytes, long packedBytes, long workspacePeakBytes) {}
