package io.kinema.train.tensor;

/** A factor for each segment of a packed sequence. A device may keep a copy of them. */
public final class SegmentWeights {
    private final double[] weights;
    private final DeviceCopies copies = new DeviceCopies();

    private SegmentWeights(double[] weights) {
        this.weights = weights;
    }

    /**
     * Keeps the factors.
     *
     * @param weights one a segment
     * @return the factors
     */
    public static SegmentWeights of(double... weights) {
        return new SegmentWeights(weights.clone());
    }

    /**
     * Returns the number of segments, S.
     *
     * @return how many factors there are
     */
    public int count() {
        return weights.length;
    }

    /**
     * Returns one factor.
     *
     * @param s the segment
     * @return its factor
     */
    public double get(int s) {
        return weights[s];
    }

    /**
     * Returns what devices have made of the factors.
     *
     * @return a device's own copy, by device
     */
    public DeviceCopies copies() {
        return copies;
    }

    /**
     * Requires a factor for each segment of a table.
     *
     * @param segments the table
     * @throws IllegalArgumentException when there are more or fewer
     */
    public void requireFit(Segments segments) {
        if (weights.length != segments.count()) {
            throw new IllegalArgumentException(weights.length + " weights for " + segments.count() + " segments");
        }
    }
}
