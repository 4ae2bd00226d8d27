package io.kinema.train.tensor;

/** Gives host memory for values on their way to a device. */
@FunctionalInterface
public interface UploadMemory {
    /** Where there is no device, or one that copies from any memory alike. */
    UploadMemory HEAP = numValues -> UploadBuffer.of(new float[Math.toIntExact(numValues)]);

    /**
     * Allocates a buffer. Any thread may, while another computes on the device.
     *
     * @param numValues of fp32
     * @return the buffer, all 0; the caller closes it
     */
    UploadBuffer uploadBuffer(long numValues);
}
