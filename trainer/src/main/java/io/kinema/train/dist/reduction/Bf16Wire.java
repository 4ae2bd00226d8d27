package io.kinema.train.dist.reduction;

import io.kinema.train.tensor.Bfloat16;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;

/** Lets fp32 vectors travel in {@link Wire#BF16}. Not thread-safe. */
final class Bf16Wire {
    private static final int LANES = Bfloat16.FLOATS.length();

    /** Elements converted at a time, whole vectors. */
    private static final int BLOCK = 2048;

    private final float[] values = new float[BLOCK];
    private final short[] upper = new short[BLOCK];

    /** A vector as it travels: what is read of it is rounded, what is written to it widened. */
    CollectiveBuffer of(CollectiveBuffer fp32) {
        return new Travelling(fp32);
    }

    /** Whole vectors: what lies behind the length is made of old values, and not used. */
    private void round(int length) {
        for (int i = 0; i < length; i += LANES) {
            Bfloat16.of(FloatVector.fromArray(Bfloat16.FLOATS, values, i)).intoArray(upper, i);
        }
    }

    private void widen(int length) {
        for (int i = 0; i < length; i += LANES) {
            Bfloat16.toFloats(ShortVector.fromArray(Bfloat16.SHORTS, upper, i)).intoArray(values, i);
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
                fp32.read(first + at, MemorySegment.ofArray(values).asSlice(0, (long) length * Float.BYTES));
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
                fp32.write(first + at, MemorySegment.ofArray(values).asSlice(0, (long) length * Float.BYTES));
            }
        }
    }
}
