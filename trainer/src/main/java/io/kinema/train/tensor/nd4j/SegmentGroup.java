package io.kinema.train.tensor.nd4j;

import io.kinema.train.tensor.Segments;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Consecutive segments that attention treats in one go, as one stack of matrices: each segment's rows are padded to
 * those of the longest. A call costs as much as some ten thousand scores, so that a few wasted scores are cheaper than
 * more calls.
 *
 * @param segments the table
 * @param first the first segment
 * @param count how many
 * @param longest the rows of the longest
 */
record SegmentGroup(Segments segments, int first, int count, int longest) {
    /** The most scores of one head that are held at a time, where it takes more than one segment to exceed it. */
    private static final long MOST_SCORES = 1 << 18;

    /** Scores computed for each that is needed, at most. */
    private static final int MOST_WASTE = 2;

    /**
     * The same segments on both sides of attention.
     *
     * @param queries of the queries
     * @param keys of the keys
     */
    record Pair(SegmentGroup queries, SegmentGroup keys) {
        /** Whether every segment has the same shape, so that nothing is padded. */
        boolean isUniform() {
            return queries.isUniform() && keys.isUniform();
        }

        /** For each segment a matrix [queries, keys]: 0, or {@code padding} where the query or the key is padding. */
        double[] masks(double padding) {
            double[] masks = new double[queries.count * queries.longest * keys.longest];
            int score = 0;
            for (int s = 0; s < queries.count; s++) {
                for (int i = 0; i < queries.longest; i++) {
                    for (int j = 0; j < keys.longest; j++) {
                        masks[score++] = queries.isPadding(s, i) || keys.isPadding(s, j) ? padding : 0;
                    }
                }
            }
            return masks;
        }
    }

    /** Cuts both tables, which have the same number of segments, into the same groups. */
    static List<Pair> pairs(Segments queries, Segments keys) {
        List<Pair> pairs = new ArrayList<>();
        int first = 0;
        while (first < queries.count()) {
            int count = 1;
            while (first + count < queries.count() && isWorthPadding(queries, keys, first, count + 1)) {
                count++;
            }
            pairs.add(new Pair(of(queries, first, count), of(keys, first, count)));
            first += count;
        }
        return pairs;
    }

    private static SegmentGroup of(Segments segments, int first, int count) {
        int longest = 0;
        for (int s = first; s < first + count; s++) {
            longest = Math.max(longest, segments.length(s));
        }
        return new SegmentGroup(segments, first, count, longest);
    }

    private static boolean isWorthPadding(Segments queries, Segments keys, int first, int count) {
        long needed = 0;
        for (int s = first; s < first + count; s++) {
            needed += (long) queries.length(s) * keys.length(s);
        }
        long padded = (long) count * of(queries, first, count).longest * of(keys, first, count).longest;
        return padded <= MOST_WASTE * needed && padded <= MOST_SCORES;
    }

    int firstRow() {
        return segments.offset(first);
    }

    /** Rows without padding. */
    int numRows() {
        return segments.offset(first + count) - firstRow();
    }

    /** Whether place i of a segment, the group's s-th, is padding. */
    private boolean isPadding(int s, int i) {
        return i >= segments.length(first + s);
    }

    boolean isUniform() {
        return numRows() == count * longest;
    }

    /**
     * For each place [count, longest] which of the group's rows stands there; the padding repeats the segment's last
     * row.
     */
    int[] rowOfPlace() {
        int[] rows = new int[count * longest];
        for (int place = 0; place < rows.length; place++) {
            int s = first + place / longest;
            rows[place] = segments.offset(s) - firstRow() + Math.min(place % longest, segments.length(s) - 1);
        }
        return rows;
    }

    /** The reverse of {@link #rowOfPlace}, without the padding. */
    int[] placeOfRow() {
        return IntStream.range(0, count * longest)
                .filter(place -> !isPadding(place / longest, place % longest))
                .toArray();
    }
}
