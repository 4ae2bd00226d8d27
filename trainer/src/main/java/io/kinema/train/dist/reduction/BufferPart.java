package io.kinema.train.dist.reduction;

import java.lang.foreign.MemorySegment;

/** A stretch of a vector. */
record BufferPart(CollectiveBuffer whole, long offset, long numElements) implements CollectiveBuffer {
    @Override
    public int elementBytes() {
        return whole.elementBytes();
    }

    @Override
    public void read(long first, MemorySegment to) {
        whole.read(offset + first, to);
    }

    @Override
    public void write(long first, MemorySegment from) {
        whole.write(offset + first, from);
    }
}
