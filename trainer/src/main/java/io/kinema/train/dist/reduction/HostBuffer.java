package io.kinema.train.dist.reduction;

import java.lang.foreign.MemorySegment;

/** A vector in host memory. */
record HostBuffer(MemorySegment memory, int elementBytes) implements CollectiveBuffer {
    @Override
    public long numElements() {
        return memory.byteSize() / elementBytes;
    }

    @Override
    public void read(long first, MemorySegment to) {
        MemorySegment.copy(memory, first * elementBytes, to, 0, to.byteSize());
    }

    @Override
    public void write(long first, MemorySegment from) {
        MemorySegment.copy(from, 0, memory, first * elementBytes, from.byteSize());
    }
}
