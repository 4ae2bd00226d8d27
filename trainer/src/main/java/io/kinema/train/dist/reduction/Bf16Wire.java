package io.kinema.train.dist.reduction;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Lets fp32 vectors travel in {@link Wire#BF16}. Not thread-safe.
 *
 * <p>Conversions are three and ten times as fast with the Vector API as in loops that the compiler is left to make
 * vectors of: it does not narrow or widen well.
 */
final class Bf16Wire {
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    /** As many lanes as {@link #INTS}. */
    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(INTS.vectorBitSize() / 2));

    /** Elements converted at a time, whole vectors. */
    private static final int BLOCK = 2048;

    private static final int UPPER = 16;
    private static final int BELOW_HALF = 0x7fff;
    private static final int MAGNITUDE = 0x7fff_ffff;
    private static final int INFINITY = 0x7f80_0000;
    /** Without this bit a NaN whose lower half is cut off could be an infinity. */
    private static final int QUIET = 0x40_0000;

    private final int[] bits = new int[BLOCK];
    private final short[] upper = new short[BLOCK];

    /** A vector as it travels: what is read of it is rounded, what is written to it widened. */
    CollectiveBuffer of(CollectiveBuffer fp32) {
        return new Travelling(fp32);
    }

    /** Whole vectors: what lies behind the length is made of old values, and not used. */
    private void round(int length) {
        for (int i = 0; i < length; i += INTS.length()) {
            IntVector of = IntVector.fromArray(INTS, bits, i);
            IntVector odd = of.lanewise(VectorOperators.LSHR, UPPER).and(1);
            IntVector rounded = of.add(BELOW_HALF).add(odd);
            IntVector kept = rounded.blend(of.or(QUIET), of.and(MAGNITUDE).compare(VectorOperators.GT, INFINITY));
            IntVector narrow = kept.lanewise(VectorOperators.LSHR, UPPER);
            ((ShortVector) narrow.convertShape(VectorOperators.I2S, SHORTS, 0)).intoArray(upper, i);
        }
    }

    private void widen(int length) {
        for (int i = 0; i < length; i += INTS.length()) {
            ShortVector narrow = ShortVector.fromArray(SHORTS, upper, i);
            IntVector wide = (IntVector) narrow.convertShape(VectorOperators.S2I, INTS, 0);
            wide.lanewise(VectorOperators.LSHL, UPPER).intoArray(bits, i);
        }
    }

    private final class Travelling implements CollectiveBuffer {
        private final CollectiveBuffer fp32;

        Travelling(CollectiveBuffer fp32) {
            this.fp32 = fp32;
        }

        @Override
        public long numElements() {
            return fp32.numElements();
        }

        @Override
        public int elementBytes() {
            return Short.BYTES;
        }

        @Override
        public void read(long first, MemorySegment to) {
            long numElements = to.byteSize() / Short.BYTES;
            for (long at = 0; at < numElements; at += BLOCK) {
                int length = (int) Math.min(BLOCK, numElements - at);
                fp32.read(first + at, MemorySegment.ofArray(bits).asSlice(0, (long) length * Integer.BYTES));
                round(length);
                MemorySegment.copy(MemorySegment.ofArray(upper), 0, to, at * Short.BYTES, (long) length * Short.BYTES);
            }
        }

        @Override
        public void write(long first, MemorySegment from) {
            long numElements = from.byteSize() / Short.BYTES;
            for (long at = 0; at < numElements; at += BLOCK) {
                int length = (int) Math.min(BLOCK, numElements - at);
                MemorySegment.copy(
                        from, at * Short.BYTES, MemorySegment.ofArray(upper), 0, (long) length * Short.BYTES);
                widen(length);
                fp32.write(first + at, MemorySegment.ofArray(bits).asSlice(0, (long) length * Integer.BYTES));
            }
        }
    }
}
