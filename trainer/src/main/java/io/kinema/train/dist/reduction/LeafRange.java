package io.kinema.train.dist.reduction;

/**
 * The leaves {@code lo .. hi - 1} of a {@link ReductionTree}.
 *
 * @param lo first leaf, at least 0
 * @param hi one past the last leaf, greater than {@code lo}
 */
public record LeafRange(int lo, int hi) {
    /**
     * Checks the bounds.
     *
     * @throws IllegalArgumentException when the range is empty or negative
     */
    public LeafRange {
        if (lo < 0 || hi <= lo) {
            throw new IllegalArgumentException("leaf range [" + lo + ", " + hi + ") is empty or negative");
        }
    }

    /**
     * Returns the number of leaves.
     *
     * @return at least 1
     */
    public int count() {
        return hi - lo;
    }
}
