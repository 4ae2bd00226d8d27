package io.kinema.train.tensor;

import java.lang.foreign.MemorySegment;

/**
 * Host memory for values on their way to a device. A device gives the memory, so that it may be of a kind that the
 * device copies from quickly, while the host goes on. Any one thread fills it; the device's thread hands it over by
 * {@link TensorMemory#of(UploadBuffer, long, int...)}; nobody changes it again before {@link #awaitFree} returns.
 */
public interface UploadBuffer extends AutoCloseable {
    /**
     * Returns the memory.
     *
     * @return fp32 values, native byte order
     */
    MemorySegment values();

    /** Waits until the device has copied everything that was handed over. */
    void awaitFree();

    /** Frees the memory, once the device has copied everything. Closing twice does nothing. */
    @Override
    void close();

    /**
     * Wraps an array, which any device copies before it returns from taking the values.
     *
     * @param values of the buffer; not copied
     * @return the buffer
     */
    static UploadBuffer of(float[] values) {
        return new HeapBuffer(MemorySegment.ofArray(values));
    }
}
