package io.kinema.train.tensor.cpu;

/**
 * Scratch memory of which each worker has its own part.
 *
 * @param base of worker 0's part
 * @param bytes of a part
 */
record PerWorker(long base, long bytes) {
    private static final long LINE = 64;

    /** Takes a part for each worker from the workspace; {@link Memory#release} gives them back. */
    static PerWorker reserve(Memory memory, Workers workers, long bytes) {
        long rounded = Math.ceilDiv(bytes, LINE) * LINE;
        return new PerWorker(memory.reserve(rounded * workers.count()), rounded);
    }

    long of(int worker) {
        return base + worker * bytes;
    }
}
