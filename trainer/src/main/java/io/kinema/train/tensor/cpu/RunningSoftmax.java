package io.kinema.train.tensor.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * The softmax of rows of scores that arrive tile by tile, and the values it weighs (Dao et al., 2205.14135, algorithm 1; Milakov and Gimelshein,
 * 1805.02867): each row keeps its greatest score so far and the sum of exponentials relative to it, and what was summed up is scaled down when a greater one comes. Exponentials are powers of 2
 * of {@code score·scale}.
 *
 * @param maxima the greatest score of each row, times the scale [rows]
 * @param sums the sum of each row, by lanes [rows, LANES]
 * @param out the weighted values of each row [rows, width]
 * @param width K
 * @param scale {@code log2(e)/√K}
 * @param narrowed where weights go once more, as BF16; 0 where that is not wanted
 */
record RunningSoftmax(long maxima, long sums, long out, int width, float scale, long narrowed) {
    private static final int LANES = Vectors.LANES;
    private static final long VECTOR_BYTES = 4L * LANES;
    private static final double LN_2 = Math.log(2);
    /** Below any score that is of use, and finite, so that the difference to a score of −∞ is one. */
    private static final float LOWEST = -1e38f;

    /** Adding it rounds to a whole number, which the lower bits then are. */
    private static final float ROUNDER = 0x1.8p23f;

    private static final float LOWEST_EXPONENT = -126;
    private static final int EXPONENT_BITS_OF_1 = 127 << 23;
    private static final int MANTISSA_BITS = 23;

    /**
     * 2 to the power of each lane, none of them above 127, to 1 unit in the last place; 0 below the least normal number, NaN for NaN.
     *
     * <p>A whole part becomes the exponent; the polynomial for the rest, in [−½, ½], is minimax in relative error (2.6e-9) among those that are 1 at 0.
     */
    static FloatVector exp2(FloatVector x) {
        FloatVector rounded = x.add(ROUNDER);
        FloatVector f = x.sub(rounded.sub(ROUNDER));
        FloatVector p = FloatVector.broadcast(Vectors.FLOATS, 0x1.470b4ap-13f);
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 0x1.5f7276p-10f));
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 0x1.3b270ep-7f));
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 0x1.c6ae72p-5f));
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 0x1.ebfbe2p-3f));
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 0x1.62e432p-1f));
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 1f));
        IntVector power = rounded.reinterpretAsInts()
                .lanewise(VectorOperators.LSHL, MANTISSA_BITS)
                .add(EXPONENT_BITS_OF_1);
        return p.mul(power.reinterpretAsFloats()).blend(0f, x.lt(LOWEST_EXPONENT));
    }

    /** Sets the scores of padding, columns {@code n} to {@code padded}, to −∞. */
    static void mask(long scores, int rows, int n, int padded) {
        int first = n / LANES * LANES;
        for (int i = first; i < padded; i += LANES) {
            VectorMask<Float> inside = Vectors.tail(i, n);
            for (int row = 0; row < rows; row++) {
                long at = scores + 4L * ((long) row * padded + i);
                FloatVector masked = FloatVector.broadcast(Vectors.FLOATS, Float.NEGATIVE_INFINITY);
                Vectors.store(masked.blend(Vectors.load(at), inside), at);
            }
        }
    }

    /**
     * Turns a tile of scores [rows, n] into weights relative to the greatest score so far, where they are.
     *
     * @param scores the tile
     * @param rows how many
     * @param n columns, a multiple of 16
     * @param first whether no tile came before
     */
    void weigh(long scores, int rows, int n, boolean first) {
        for (int row = 0; row < rows; row++) {
            long x = scores + 4L * row * n;
            long maximumAt = maxima + 4L * row;
            long sumAt = sums + VECTOR_BYTES * row;
            float before = first ? LOWEST : Vectors.get(maximumAt);
            float maximum = Math.max(before, greatest(x, n) * scale);
            FloatVector sum = exponentials(x, n, maximum, scale);
            if (narrowed != 0) {
                Vectors.narrow(x, narrowed + 2L * row * n, n);
            }
            if (!first) {
                FloatVector sumBefore = Vectors.load(sumAt);
                if (maximum != before) {
                    float factor = exp2(FloatVector.broadcast(Vectors.FLOATS, before - maximum))
                            .lane(0);
                    sumBefore = sumBefore.mul(factor);
                    HeadRows.scale(out + 4L * row * width, factor, width);
                }
                sum = sum.add(sumBefore);
            }
            Vectors.store(sum, sumAt);
            Vectors.set(maximumAt, maximum);
        }
    }

    /** The greatest of n numbers; a NaN counts for nothing here and comes out of the exponentials. */
    private static float greatest(long x, int n) {
        FloatVector a = FloatVector.broadcast(Vectors.FLOATS, LOWEST);
        FloatVector b = a;
        int i = 0;
        for (; i <= n - 2 * LANES; i += 2 * LANES) {
            FloatVector u = Vectors.load(x + 4L * i);
            FloatVector v = Vectors.load(x + 4L * i + VECTOR_BYTES);
            a = a.blend(u, u.compare(VectorOperators.GT, a));
            b = b.blend(v, v.compare(VectorOperators.GT, b));
        }
        for (; i < n; i += LANES) {
            FloatVector u = Vectors.load(x + 4L * i);
            a = a.blend(u, u.compare(VectorOperators.GT, a));
        }
        return a.max(b).reduceLanes(VectorOperators.MAX);
    }

    private static FloatVector exponentials(long x, int n, float maximum, float scale) {
        FloatVector factor = FloatVector.broadcast(Vectors.FLOATS, scale);
        FloatVector offset = FloatVector.broadcast(Vectors.FLOATS, -maximum);
        FloatVector a = FloatVector.zero(Vectors.FLOATS);
        FloatVector b = a;
        int i = 0;
        for (; i <= n - 2 * LANES; i += 2 * LANES) {
            FloatVector u = exp2(Vectors.load(x + 4L * i).fma(factor, offset));
            FloatVector v = exp2(Vectors.load(x + 4L * i + VECTOR_BYTES).fma(factor, offset));
            Vectors.store(u, x + 4L * i);
            Vectors.store(v, x + 4L * i + VECTOR_BYTES);
            a = a.add(u);
            b = b.add(v);
        }
        for (; i < n; i += LANES) {
            FloatVector u = exp2(Vectors.load(x + 4L * i).fma(factor, offset));
            Vectors.store(u, x + 4L * i);
            a = a.add(u);
        }
        return a.add(b);
    }

    /**
     * Divides a row's values by its sum.
     *
     * @param row which
     * @return the natural logarithm of the softmax's denominator
     */
    float finish(int row) {
        float sum = Vectors.sum(Vectors.load(sums + VECTOR_BYTES * row));
        HeadRows.scale(out + 4L * row * width, 1 / sum, width);
        return (float) (Vectors.get(maxima + 4L * row) * LN_2 + Math.log(sum));
    }
}
