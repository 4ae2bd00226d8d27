package io.kinema.train.tensor.cpu;

/**
 * Sums over rows, one a tile, that are then added up in the order of the tiles, so that it does not matter who made
 * them.
 *
 * @param rows a row of sums for each tile
 * @param width floats in a sum
 */
record TileSums(Scratch rows, int width) implements AutoCloseable {
    private static final int COLUMNS = 256;

    static TileSums of(Memory memory, int numTiles, int width) {
        return new TileSums(Scratch.of(memory, numTiles, 1, width), width);
    }

    /** Sets a tile's sum to zero and says where it is. */
    long begin(int tile) {
        long row = rows.row(tile, 0);
        Vectors.zero(row, 4L * width);
        return row;
    }

    /** Adds up the sums of tiles from the first on; the total takes the place of the first one's. */
    long total(int firstTile, int endTile) {
        return total(firstTile, endTile, 0, width);
    }

    private long total(int firstTile, int endTile, int column, int n) {
        long total = rows.row(firstTile, 0) + 4L * column;
        for (int tile = firstTile + 1; tile < endTile; tile++) {
            RowKernels.add(total, rows.row(tile, 0) + 4L * column, total, n);
        }
        return total;
    }

    /** Adds the sums of all tiles to a row of FP32 elements, which may be shorter. */
    void addTo(CpuTensor into, int numTiles, Workers workers) {
        int numColumns = into.columns();
        workers.run((numColumns + COLUMNS - 1) / COLUMNS, (stripe, _) -> {
            int column = stripe * COLUMNS;
            int n = Math.min(COLUMNS, numColumns - column);
            RowKernels.add(into.address(column), total(0, numTiles, column, n), into.address(column), n);
        });
    }

    @Override
    public void close() {
        rows.close();
    }
}
