package io.kinema.train.input;

import io.kinema.train.tensor.UploadBuffer;
import io.kinema.train.tensor.UploadMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Where a microbatch's numbers are put, again and again: as long as the longest so far. */
final class UploadRoom implements AutoCloseable {
    private final UploadMemory memory;
    private UploadBuffer cleanLP = UploadMemory.HEAP.uploadBuffer(0);
    private UploadBuffer noiseLP = UploadMemory.HEAP.uploadBuffer(0);
    private long capacity;

    UploadRoom(UploadMemory memory) {
        this.memory = memory;
    }

    /** Waits until the device has copied the microbatch before, and makes sure that so many values fit. */
    void reserve(long count) {
        cleanLP.awaitFree();
        noiseLP.awaitFree();
        if (capacity < count) {
            close();
            cleanLP = memory.uploadBuffer(count);
            noiseLP = memory.uploadBuffer(count);
            capacity = count;
        }
    }

    /** The clips' patches. */
    UploadBuffer cleanLP() {
        return cleanLP;
    }

    /** Their noise. */
    UploadBuffer noiseLP() {
        return noiseLP;
    }

    /** Copies the first values of an array. */
    static void put(float[] values, int count, UploadBuffer to, long offset) {
        MemorySegment.copy(values, 0, to.values(), ValueLayout.JAVA_FLOAT, offset * Float.BYTES, count);
    }

    @Override
    public void close() {
        cleanLP.close();
        noiseLP.close();
    }
}
