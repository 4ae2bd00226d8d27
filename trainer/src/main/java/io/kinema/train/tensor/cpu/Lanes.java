package io.kinema.train.tensor.cpu;

import static io.kinema.train.tensor.cpu.Vectors.LANES;

import io.kinema.train.tensor.DType;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Rows of FP32 vector by vector, the last of which may be less than a whole one.
 *
 * <p>How much the compiler inlines into one method is limited, and beyond the limit every vector becomes an object. So
 * the body of a loop stands once, for whole vectors and for what is left; and as masks take more code than arithmetic,
 * the longer loops (of {@link NormRows}) work on whole vectors only, in rows that are filled up.
 */
final class Lanes {
    /** As many lanes as doubles have. */
    private static final VectorSpecies<Float> HALF_FLOATS =
            VectorSpecies.of(float.class, VectorShape.forBitSize(DoubleVector.SPECIES_PREFERRED.vectorBitSize() / 2));

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

    /** Floats as doubles, as many as make a vector. */
    static DoubleVector loadWide(long address) {
        FloatVector narrow = FloatVector.fromMemorySegment(HALF_FLOATS, Vectors.ALL, address, Vectors.ORDER);
        return (DoubleVector) narrow.convertShape(VectorOperators.F2D, DoubleVector.SPECIES_PREFERRED, 0);
    }

    /** The length of a row of n that is filled up to whole vectors. */
    static int filledLength(int n) {
        return (n + LANES - 1) / LANES * LANES;
    }

    /** Fills a row of n up to whole vectors. */
    static void fill(long row, int n, float filler) {
        int end = filledLength(n);
        for (int i = n; i < end; i++) {
            Vectors.set(row + 4L * i, filler);
        }
    }

    /** A row of n that is whole vectors: itself, or a copy in a scratch row, filled up by zeros. */
    static long filled(long row, long scratch, int n) {
        if (n % LANES == 0) {
            return row;
        }
        Vectors.copy(row, DType.FP32, scratch, DType.FP32, n);
        fill(scratch, n, 0);
        return scratch;
    }
}
