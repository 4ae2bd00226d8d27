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
    private UploadBuffer weightL = UploadMemory.HEAP.uploadBuffer(0);
    private long capacity;

    UploadRoom(UploadMemory memory) {
        this.memory = memory;
    }

    /** Waits until the device has copied the microbatch before, and makes sure that so many tokens fit. */
    void reserve(int tokens, int valuesOfToken) {
        cleanLP.awaitFree();
        noiseLP.awaitFree();
        weightL.awaitFree();
        if (capacity < tokens) {
            close();
            cleanLP = memory.uploadBuffer((long) tokens * valuesOfToken);
            noiseLP = memory.uploadBuffer((long) tokens * valuesOfToken);
            weightL = memory.uploadBuffer(tokens);
            capacity = tokens;
        }
    }

    /** The clips' tokens. */
    UploadBuffer cleanLP() {
        return cleanLP;
    }

    /** Their noise. */
    UploadBuffer noiseLP() {
        return noiseLP;
    }

    /** What each token weighs in the loss. */
    UploadBuffer weightL() {
        return weightL;
    }

    /** Copies the first values of an array. */
    static void put(float[] values, int count, UploadBuffer to, long offset) {
        MemorySegment.copy(values, 0, to.values(), ValueLayout.JAVA_FLOAT, offset * Float.BYTES, count);
    }

    @Override
    public void close() {
        cleanLP.close();
        noiseLP.close();
        weightL.close();
    }
}
