package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Bfloat16;
import io.kinema.train.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vectors of this machine and what is done with them everywhere. Memory is named by address.
 *
 * <p>Only operations that are exactly rounded are used, and sums over lanes are made in the order of the lanes:
 * interpreted and compiled code, and any number of threads, give the same bits. Sums depend on the width of the
 * machine's vectors.
 */
final class Vectors {
    static final VectorSpecies<Float> FLOATS = Bfloat16.FLOATS;

    static final int LANES = FLOATS.length();
    static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /** All memory: an address is an offset. */
    static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

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

    static FloatVector widen(long address) {
        return Bfloat16.toFloats(ShortVector.fromMemorySegment(Bfloat16.SHORTS, ALL, address, ORDER));
    }

    static void narrow(FloatVector v, long address) {
        Bfloat16.of(v).intoMemorySegment(ALL, address, ORDER);
    }

    /** Copies n elements of BF16 to FP32. */
    static void widenRow(long from, long to, int n) {
        int i = 0;
        for (; i <= n - LANES; i += LANES) {
            store(widen(from + 2L * i), to + 4L * i);
        }
        for (; i < n; i++) {
            set(to + 4L * i, Bfloat16.toFloat(ALL.get(SHORT, from + 2L * i)));
        }
    }

    /** Copies n elements of FP32 to BF16. */
    static void narrowRow(long from, long to, int n) {
        int i = 0;
        for (; i <= n - LANES; i += LANES) {
            narrow(load(from + 4L * i), to + 2L * i);
        }
        for (; i < n; i++) {
            ALL.set(SHORT, to + 2L * i, Bfloat16.of(get(from + 4L * i)));
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
