package io.kinema.train.tensor;

import java.util.Arrays;

/**
 * The segment table of a packed sequence: segment {@code s} holds the rows {@code offset(s) .. offset(s + 1) - 1} of a
 * {@code [L, …]} tensor. Attention, modulation and pooling never cross from one segment to another. A device may keep a
 * copy of the table.
 */
public final class Segments {
    private final int[] offsets;
    private final DeviceCopies copies = new DeviceCopies();

    private Segments(int[] offsets) {
        this.offsets = offsets;
    }

    /**
     * Lays segments end to end.
     *
     * @param lengths rows of each segment, at least one segment, each at least 1
     * @return the table
     * @throws IllegalArgumentException when there is no segment or an empty one
     */
    public static Segments ofLengths(int... lengths) {
        if (lengths.length == 0) {
            throw new IllegalArgumentException("no segments");
        }
        int[] offsets = new int[lengths.length + 1];
        for (int s = 0; s < lengths.length; s++) {
            if (lengths[s] < 1) {
                throw new IllegalArgumentException("segment " + s + " has length " + lengths[s]);
            }
            offsets[s + 1] = Math.addExact(offsets[s], lengths[s]);
        }
        return new Segments(offsets);
    }

    /**
     * Returns the number of segments, S.
     *
     * @return at least 1
     */
    public int count() {
        return offsets.length - 1;
    }

    /**
     * Returns the first row of a segment; {@code offset(count())} is the total.
     *
     * @param s the segment, 0 to count() inclusive
     * @return a row
     */
    public int offset(int s) {
        return offsets[s];
    }

    /**
     * Returns the number of rows of a segment.
     *
     * @param s the segment
     * @return at least 1
     */
    public int length(int s) {
        return offsets[s + 1] - offsets[s];
    }

    /**
     * Returns the segment that a row belongs to.
     *
     * @param row 0 to total() − 1
     * @return the segment
     */
    public int indexOf(int row) {
        int found = Arrays.binarySearch(offsets, row);
        return found >= 0 ? found : -found - 2;
    }

    /**
     * Returns the number of rows of all segments, L.
     *
     * @return the total
     */
    public int total() {
        return offsets[offsets.length - 1];
    }

    /**
     * Returns what devices have made of the table.
     *
     * @return a device's own copy, by device
     */
    public DeviceCopies copies() {
        return copies;
    }

    @Override
    public String toString() {
        return "Segments" + Arrays.toString(offsets);
    }
}
