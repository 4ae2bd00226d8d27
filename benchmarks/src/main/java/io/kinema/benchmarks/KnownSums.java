package io.kinema.benchmarks;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What the ranks of an all-reduce add up: element i of rank r is (r + 1)·(1 + i mod 7), so that sums are whole numbers
 * and a shifted vector shows.
 */
final class KnownSums {
    private static final int PERIOD = 7;

    private KnownSums() {}

    /** Writes a rank's vector of fp32. */
    static void fill(MemorySegment vector, int rank) {
        long elements = vector.byteSize() / Float.BYTES;
        for (long i = 0; i < elements; i++) {
            vector.setAtIndex(ValueLayout.JAVA_FLOAT, i, (rank + 1f) * (1 + i % PERIOD));
        }
    }

    /**
     * Checks the sum of all ranks' vectors.
     *
     * @throws IOException when an element is not the sum
     */
    static void check(MemorySegment sum, int numRanks) throws IOException {
        long elements = sum.byteSize() / Float.BYTES;
        float ranks = numRanks * (numRanks + 1) / 2f;
        for (long i = 0; i < elements; i++) {
            float value = sum.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            float expected = ranks * (1 + i % PERIOD);
            if (value != expected) {
                throw new IOException("element " + i + " of the sum of " + numRanks + " ranks is " + value
                        + " instead of " + expected);
            }
        }
    }
}
