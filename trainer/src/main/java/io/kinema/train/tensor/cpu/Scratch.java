package io.kinema.train.tensor.cpu;

/**
 * Rows of FP32 in the workspace, until closed: some for each worker or for each tile. Contents are undefined.
 *
 * @param memory where they are
 * @param address the first
 * @param numRows rows of each worker or tile
 * @param rowFloats from row to row
 */
record Scratch(Memory memory, long address, int numRows, int rowFloats) implements AutoCloseable {
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
        long rowBytes = Memory.wholeLines(4L * width);
        long address = memory.reserve((long) numGroups * numRows * rowBytes);
        return new Scratch(memory, address, numRows, Math.toIntExact(rowBytes / Float.BYTES));
    }

    /** Bytes from row to row. */
    long rowBytes() {
        return 4L * rowFloats;
    }

    /** Where a row of a worker or tile is. */
    long row(int group, int row) {
        return address + ((long) group * numRows + row) * rowBytes();
    }

    @Override
    public void close() {
        memory.release(address);
    }
}
