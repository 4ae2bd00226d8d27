package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vectors of this machine and what is done with them everywhere. Memory is named by address.
 *
 * <p>Only operations that are exactly rounded are used, and sums over lanes are made in the order of the lanes: interpreted and compiled code, and any number of threads,
 * give the same bits. Sums depend on the width of the machine's vectors.
 */
final class Vectors {
    static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    /** As many lanes as {@link #FLOATS}. */
    static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

    static final int LANES = FLOATS.length();
    static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /** All memory: an address is an offset. */
    static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

    private static final int ROUND_HALF = 0x7FFF;
    private static final int QUIET = 0x0040_0000;
    private static final int UPPER = 16;

    private static final float LOG2_E = 1.44269504f;
    /** ln 2 in two parts, the first with trailing zeros, so that a small multiple of it is exact (Cody and Waite). */
    private static final float LN2_HIGH = 0.693359375f;

    private static final float LN2_LOW = -2.12194440e-4f;
    /** Adding it rounds to a whole number. */
    private static final float ROUNDER = 0x1.8p23f;

    private static final float EXP_LOWEST = -87.33654f;
    private static final float EXP_HIGHEST = 88.37f;
    private static final int EXPONENT_BIAS = 127;
    private static final int MANTISSA_BITS = 23;

    private Vectors() {}

    static FloatVector load(long address) {
        return FloatVector.fromMemorySegment(FLOATS, ALL, address, ORDER);
    }

    static FloatVector load(long address, VectorMask<Float> mask) {
        return FloatVector.fromMemorySegment(FLOATS, ALL, address, ORDER, mask);
    }

    static void store(FloatVector v, long address) {
        v.intoMemorySegment(ALL, address, ORDER);
    }

    static void store(FloatVector v, long address, VectorMask<Float> mask) {
        v.intoMemorySegment(ALL, address, ORDER, mask);
    }

    /** The lanes that are left of n elements from element i on. */
    static VectorMask<Float> tail(int i, int n) {
        return FLOATS.indexInRange(i, n);
    }

    static float get(long address) {
        return ALL.get(FLOAT, address);
    }

    static void set(long address, float value) {
        ALL.set(FLOAT, address, value);
    }

    /** The sum of the lanes, in their order. */
    static float sum(FloatVector v) {
        float sum = v.lane(0);
        for (int i = 1; i < LANES; i++) {
            sum += v.lane(i);
        }
        return sum;
    }

    /** The exponential, to 2 units in the last place; 0 below the least normal number, NaN for NaN, and at most e^88.37. */
    static FloatVector exp(FloatVector x) {
        FloatVector clamped = x.max(EXP_LOWEST).min(EXP_HIGHEST);
        FloatVector rounded =
                clamped.fma(FloatVector.broadcast(FLOATS, LOG2_E), FloatVector.broadcast(FLOATS, ROUNDER));
        FloatVector n = rounded.sub(ROUNDER);
        FloatVector r = n.fma(FloatVector.broadcast(FLOATS, -LN2_HIGH), clamped);
        r = n.fma(FloatVector.broadcast(FLOATS, -LN2_LOW), r);
        // Polynomial of the Cephes library's expf.
        FloatVector p = FloatVector.broadcast(FLOATS, 1.9875691500e-4f);
        p = p.fma(r, FloatVector.broadcast(FLOATS, 1.3981999507e-3f));
        p = p.fma(r, FloatVector.broadcast(FLOATS, 8.3334519073e-3f));
        p = p.fma(r, FloatVector.broadcast(FLOATS, 4.1665795894e-2f));
        p = p.fma(r, FloatVector.broadcast(FLOATS, 1.6666665459e-1f));
        p = p.fma(r, FloatVector.broadcast(FLOATS, 5.0000001201e-1f));
        p = p.fma(r.mul(r), r).add(1f);
        IntVector exponent = rounded.reinterpretAsInts()
                .sub(Float.floatToRawIntBits(ROUNDER))
                .add(EXPONENT_BIAS)
                .lanewise(VectorOperators.LSHL, MANTISSA_BITS);
        FloatVector result = p.mul(exponent.reinterpretAsFloats());
        return result.blend(0f, x.lt(EXP_LOWEST)).blend(x, x.test(VectorOperators.IS_NAN));
    }

    /** {@code 1 / (1 + e^−x)}. */
    static FloatVector sigmoid(FloatVector x) {
        return FloatVector.broadcast(FLOATS, 1f).div(exp(x.neg()).add(1f));
    }

    static float widen(short bits) {
        return Float.intBitsToFloat(bits << UPPER);
    }

    /** Rounds to nearest, ties to even; a NaN stays one. */
    static short narrow(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (value != value) {
            return (short) ((bits | QUIET) >>> UPPER);
        }
        return (short) (bits + ROUND_HALF + (bits >>> UPPER & 1) >>> UPPER);
    }

    static FloatVector widen(long address) {
        ShortVector bits = ShortVector.fromMemorySegment(SHORTS, ALL, address, ORDER);
        return ((IntVector) bits.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, UPPER)
                .reinterpretAsFloats();
    }

    static void narrow(FloatVector v, long address) {
        IntVector bits = v.reinterpretAsInts();
        IntVector even = bits.lanewise(VectorOperators.LSHR, UPPER).and(1);
        IntVector rounded = bits.add(ROUND_HALF).add(even);
        rounded = rounded.blend(bits.or(QUIET), v.test(VectorOperators.IS_NAN).cast(INTS));
        ShortVector upper = (ShortVector)
                rounded.lanewise(VectorOperators.LSHR, UPPER).convertShape(VectorOperators.I2S, SHORTS, 0);
        upper.intoMemorySegment(ALL, address, ORDER);
    }

    /** Copies n elements of BF16 to FP32. */
    static void widenRow(long from, long to, int n) {
        int i = 0;
        for (; i <= n - LANES; i += LANES) {
            store(widen(from + 2L * i), to + 4L * i);
        }
        for (; i < n; i++) {
            set(to + 4L * i, widen(ALL.get(SHORT, from + 2L * i)));
        }
    }

    /** Copies n elements of FP32 to BF16. */
    static void narrowRow(long from, long to, int n) {
        int i = 0;
        for (; i <= n - LANES; i += LANES) {
            narrow(load(from + 4L * i), to + 2L * i);
        }
        for (; i < n; i++) {
            ALL.set(SHORT, to + 2L * i, narrow(get(from + 4L * i)));
        }
    }

    /** Copies n elements from one type to another. */
    static void copy(long from, DType fromType, long to, DType toType, int n) {
        if (fromType == toType) {
            MemorySegment.copy(ALL, from, ALL, to, (long) n * fromType.bytes());
        } else if (fromType == DType.BF16) {
            widenRow(from, to, n);
        } else {
            narrowRow(from, to, n);
        }
    }

    /**
     * Returns where n elements stand as FP32: where they are, or in a scratch row, widened.
     *
     * @param from the elements
     * @param type of them
     * @param scratch room for n floats
     * @return an address
     */
    static long floats(long from, DType type, long scratch, int n) {
        if (type == DType.FP32) {
            return from;
        }
        widenRow(from, scratch, n);
        return scratch;
    }

    static void zero(long address, long bytes) {
        ALL.asSlice(address, bytes).fill((byte) 0);
    }
}
