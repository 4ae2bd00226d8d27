package io.kinema.train.tensor;

import java.util.List;

/**
 * Consecutive elements of a vector whose parameters have equal attributes.
 *
 * @param offset of the first element, counted from the beginning of the vector
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

    /**
     * Requires that stretches are a vector, end to end.
     *
     * @param stretches in their order
     * @param vector the vector
     */
    public static void requireAll(List<Stretch> stretches, Tensor vector) {
        long end = 0;
        for (int i = 0; i < stretches.size(); i++) {
            Stretch stretch = stretches.get(i);
            if (stretch.offset != end || stretch.size < 1) {
                throw new IllegalArgumentException("stretch " + i + " of " + stretch.size + " elements begins at "
                        + stretch.offset + " where the one before ends at " + end);
            }
            end = stretch.end();
        }
        if (end != vector.size()) {
            throw new IllegalArgumentException(
                    "stretches of " + end + " elements are not the vector " + Shapes.text(vector));
        }
    }
}
