package io.kinema.train.dist.reduction;

import java.lang.foreign.MemorySegment;

/**
 * A flat vector that collectives read and write, in host memory or on a device. They do so on a thread of their own.
 */
public interface CollectiveBuffer {
    /**
     * Returns the length.
     *
     * @return elements
     */
    long numElements();

    /**
     * Returns the size of an element.
     *
     * @return bytes
     */
    int elementBytes();

    /**
     * Copies elements to host memory.
     *
     * @param first the first element
     * @param to as long as the elements, native byte order
     */
    void read(long first, MemorySegment to);

    /**
     * Replaces elements.
     *
     * @param first the first element
     * @param from as long as the elements, native byte order
     */
    void write(long first, MemorySegment from);

    /**
     * Returns a vector in host memory.
     *
     * @param memory whole elements; other threads must be allowed there
     * @param elementBytes the size of one
     * @return the vector; it does not own the memory
     */
    static CollectiveBuffer of(MemorySegment memory, int elementBytes) {
        return new HostBuffer(memory, elementBytes);
    }

    /**
     * Returns a stretch of this vector.
     *
     * @param offset its first element
     * @param length elements
     * @return the stretch; writing there writes here
     */
    default CollectiveBuffer part(long offset, long length) {
        return new BufferPart(this, offset, length);
    }
}
