package io.kinema.train.tensor.cpu;

import static io.kinema.train.tensor.cpu.Vectors.LANES;

import jdk.incubator.vector.FloatVector;

/**
 * Rows of FP32 vector by vector, the last of which may be less than a whole one. The body of a loop over a row stands once: what the compiler
 * inlines is limited, and beyond the limit every vector would become an object.
 */
final class Lanes {
    private Lanes() {}

    /** Elements i and following of a row of n, as many as there are; 0 in the other lanes. */
    static FloatVector load(long row, int i, int n) {
        return i <= n - LANES ? Vectors.load(row + 4L * i) : Vectors.load(row + 4L * i, Vectors.tail(i, n));
    }

    /** Writes elements i and following of a row of n, as many as there are. */
    static void store(FloatVector v, long row, int i, int n) {
        if (i <= n - LANES) {
            Vectors.store(v, row + 4L * i);
        } else {
            Vectors.store(v, row + 4L * i, Vectors.tail(i, n));
        }
    }
}
