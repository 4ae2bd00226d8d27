package io.kinema.train.tensor.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * The softmax of rows of scores that arrive tile by tile, and the values it weighs (Dao et al., 2205.14135, algorithm
 * 1; Milakov and Gimelshein, 1805.02867): each row keeps its greatest score so far and the sum of exponentials relative
 * to it, and what was summed up is scaled down when a greater one comes. Exponentials are powers of 2 of
 * {@code score·scale}.
 *
 * @param state what is kept of each row, {@link #stateBytes} long
 * @param out the weighted values of each row [rows, width]
 * @param width K
 * @param scale {@code log2(e)/√K}
 * @param narrowed where weights go once more, as BF16; 0 where that is not wanted
 */
record RunningSoftmax(long state, long out, int width, float scale, long narrowed) {
    private static final int LANES = Vectors.LANES;
    private static final long VECTOR_BYTES = 4L * LANES;
    /**
     * Loops collect sums and maxima in so many vectors by turns, in memory: kept in variables from turn to turn, they
     * were sometimes made objects of. There are few vector operations in a method because the compiler stops inlining
     * when it has parsed some fifty of them, and each one after that makes objects.
     */
    private static final int TURNS = 4;

    private static final int TURN_MASK = TURNS * LANES - 1;
    private static final long ROW_BYTES = 3L * Float.BYTES;
    private static final double LN_2 = Math.log(2);
    /** Below any score that is of use, and finite, so that the difference to a score of −∞ is one. */
    private static final float LOWEST = -1e38f;

    /** Adding it rounds to a whole number, which the lower bits then are. */
    private static final float ROUNDER = 0x1.8p23f;

    /** Its exponent's bits are those of 0. */
    private static final float LEAST_POWER = -127;

    private static final int EXPONENT_BITS_OF_1 = 127 << 23;
    private static final int MANTISSA_BITS = 23;

    /**
     * 2 to the power of each lane, none of them above 127, to 1 unit in the last place; 0 below the least normal
     * number, NaN for NaN.
     *
     * <p>A whole part becomes the exponent; the polynomial for the rest, in [−½, ½], is minimax in relative error
     * (2.6e-9) among those that are 1 at 0.
     */
    static FloatVector exp2(FloatVector x) {
        FloatVector least = FloatVector.broadcast(Vectors.FLOATS, LEAST_POWER);
        FloatVector power = x.blend(least, x.compare(VectorOperators.LT, least));
        FloatVector rounded = power.add(ROUNDER);
        FloatVector f = power.sub(rounded.sub(ROUNDER));
        FloatVector p = FloatVector.broadcast(Vectors.FLOATS, 0x1.470b4ap-13f);
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 0x1.5f7276p-10f));
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 0x1.3b270ep-7f));
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 0x1.c6ae72p-5f));
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 0x1.ebfbe2p-3f));
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 0x1.62e432p-1f));
        p = p.fma(f, FloatVector.broadcast(Vectors.FLOATS, 1f));
        IntVector exponent = rounded.reinterpretAsInts()
                .lanewise(VectorOperators.LSHL, MANTISSA_BITS)
                .add(EXPONENT_BITS_OF_1);
        return p.mul(exponent.reinterpretAsFloats());
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
     * Turns a tile of scores [rows, n] into weights relative to the greatest score so far, where they are. Unless it is
     * the first, {@link #rescale} comes next.
     *
     * @param scores the tile
     * @param rows how many
     * @param n columns, a multiple of 16
     * @param first whether no tile came before
     */
    void weigh(long scores, int rows, int n, boolean first) {
        for (int row = 0; row < rows; row++) {
            long x = scores + 4L * row * n;
            float before = first ? LOWEST : Vectors.get(maximumAt(row));
            float maximum = Math.max(before, greatest(x, n) * scale);
            float factor = maximum == before ? 1 : (float) StrictMath.exp((before - maximum) * LN_2);
            float sum = first ? 0 : Vectors.get(sumAt(row)) * factor;
            Vectors.set(factorAt(row), factor);
            Vectors.set(sumAt(row), sum + exponentials(x, n, maximum));
            Vectors.set(maximumAt(row), maximum);
            if (narrowed != 0) {
                Vectors.narrowRow(x, narrowed + 2L * row * n, n);
            }
        }
    }

    /**
     * Bytes of the state of so many rows: the vectors of loops, then each row's greatest score times the scale, its
     * sum, and what its values are to be multiplied by.
     */
    static long stateBytes(long rows) {
        return VECTOR_BYTES * TURNS + ROW_BYTES * rows;
    }

    private long maximumAt(int row) {
        return state + VECTOR_BYTES * TURNS + ROW_BYTES * row;
    }

    private long sumAt(int row) {
        return maximumAt(row) + Float.BYTES;
    }

    private long factorAt(int row) {
        return maximumAt(row) + 2 * Float.BYTES;
    }

    /** Scales the values of what tiles came before to the greatest scores that the last one brought. */
    void rescale(int rows) {
        for (int row = 0; row < rows; row++) {
            float factor = Vectors.get(factorAt(row));
            if (factor != 1) {
                HeadRows.scale(out + 4L * row * width, factor, width);
            }
        }
    }

    private void fillTurns(float value) {
        FloatVector values = FloatVector.broadcast(Vectors.FLOATS, value);
        for (int i = 0; i < TURNS; i++) {
            Vectors.store(values, state + VECTOR_BYTES * i);
        }
    }

    /** The greatest of n numbers; a NaN counts for nothing here and comes out of the exponentials. */
    private float greatest(long x, int n) {
        fillTurns(LOWEST);
        for (int i = 0; i < n; i += LANES) {
            long at = state + 4L * (i & TURN_MASK);
            FloatVector greatest = Vectors.load(at);
            FloatVector u = Vectors.load(x + 4L * i);
            Vectors.store(greatest.blend(u, u.compare(VectorOperators.GT, greatest)), at);
        }
        for (int i = 1; i < TURNS; i++) {
            Vectors.store(Vectors.load(state).max(Vectors.load(state + VECTOR_BYTES * i)), state);
        }
        float greatest = Vectors.get(state);
        for (int lane = 1; lane < LANES; lane++) {
            greatest = Math.max(greatest, Vectors.get(state + 4L * lane));
        }
        return greatest;
    }

    /** Turns n scores into powers of 2 relative to the greatest; returns their sum. */
    private float exponentials(long x, int n, float maximum) {
        FloatVector factor = FloatVector.broadcast(Vectors.FLOATS, scale);
        FloatVector offset = FloatVector.broadcast(Vectors.FLOATS, -maximum);
        fillTurns(0);
        for (int i = 0; i < n; i += LANES) {
            long at = state + 4L * (i & TURN_MASK);
            FloatVector weight = exp2(Vectors.load(x + 4L * i).fma(factor, offset));
            Vectors.store(weight, x + 4L * i);
            Vectors.store(weight.add(Vectors.load(at)), at);
        }
        for (int i = 1; i < TURNS; i++) {
            Vectors.store(Vectors.load(state).add(Vectors.load(state + VECTOR_BYTES * i)), state);
        }
        float sum = Vectors.get(state);
        for (int lane = 1; lane < LANES; lane++) {
            sum += Vectors.get(state + 4L * lane);
        }
        return sum;
    }

    /**
     * Divides a row's values by its sum.
     *
     * @param row which
     * @return the natural logarithm of the softmax's denominator
     */
    float finish(int row) {
        float sum = Vectors.get(sumAt(row));
        HeadRows.scale(out + 4L * row * width, 1 / sum, width);
        return (float) (Vectors.get(maximumAt(row)) * LN_2 + Math.log(sum));
    }
}
