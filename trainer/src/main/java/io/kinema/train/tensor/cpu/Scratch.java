package io.kinema.train.tensor.cpu;

/**
 * Rows of FP32 in the workspace, until closed: some for each worker or for each tile. Contents are undefined.
 *
 * @param memory where they are
 * @param mark the end of the workspace before them
 * @param address the first
 * @param groupBytes from one worker's or tile's first row to the next one's
 * @param rowBytes from row to row
 */
record Scratch(Memory memory, long mark, long address, long groupBytes, long rowBytes) implements AutoCloseable {
    private static final long LINE = 64;

    /**
     * Takes rows from the workspace; results must have been allocated before.
     *
     * @param memory whose workspace
     * @param numGroups how many workers or tiles there are
     * @param numRows rows of each
     * @param width floats in a row
     * @return close it to give them back
     */
    static Scratch of(Memory memory, int numGroups, int numRows, int width) {
        long mark = memory.mark();
        // No two workers share a cache line.
        long rowBytes = (4L * width + LINE - 1) & -LINE;
        long groupBytes = numRows * rowBytes;
        return new Scratch(memory, mark, memory.reserve(numGroups * groupBytes), groupBytes, rowBytes);
    }

    /** Where a row of a worker or tile is. */
    long row(int group, int row) {
        return address + group * groupBytes + row * rowBytes;
    }

    @Override
    public void close() {
        memory.release(mark);
    }
}
