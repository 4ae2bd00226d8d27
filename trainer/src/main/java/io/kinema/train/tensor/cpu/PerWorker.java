package io.kinema.train.tensor.cpu;

/** Scratch memory of which each worker has its own part: first what a part holds is added up, then all are reserved. */
final class PerWorker {
    private long partBytes;
    private long address;

    /**
     * Adds to what each part holds.
     *
     * @param bytes how many
     * @return where in a part they begin
     */
    long add(long bytes) {
        long at = partBytes;
        partBytes += Memory.wholeLines(bytes);
        return at;
    }

    /** Takes a part for each worker from the workspace; {@link Memory#release} gives them back. */
    void reserve(Memory memory, Workers workers) {
        address = memory.reserve(partBytes * workers.count());
    }

    /** Where a worker's part begins. */
    long of(int worker) {
        return address + worker * partBytes;
    }
}
