package io.kinema.train.optim;

/**
 * Consecutive elements of a shard whose parameters have equal attributes.
 *
 * @param offset of the first element, counted from the beginning of the shard
 * @param size elements, at least 1
 * @param attributes of the parameters
 */
public record Stretch(long offset, long size, ParameterAttributes attributes) {
    /**
     * Returns where the next stretch begins.
     *
     * @return an offset, as {@link #offset}
     */
    public long end() {
        return offset + size;
    }
}
