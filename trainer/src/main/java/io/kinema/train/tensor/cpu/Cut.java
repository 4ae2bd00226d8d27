package io.kinema.train.tensor.cpu;

/**
 * A number of rows cut into tiles, all of one length but the last. The lengths come in few sizes, since products are
 * compiled for each: a tile is padded to the next one.
 *
 * @param length rows
 * @param tile rows of a tile
 */
record Cut(int length, int tile) {
    private static final int SMALL = 64;
    private static final int SMALL_STEP = 16;
    private static final int MEDIUM = 256;
    private static final int MEDIUM_STEP = 32;
    private static final int LARGE_STEP = 64;

    /** Cuts into as few tiles as there can be, about equally long. */
    static Cut of(int length, int longestTile) {
        int tiles = Math.ceilDiv(length, longestTile);
        return new Cut(length, padded(Math.ceilDiv(length, tiles)));
    }

    /**
     * The size that so many rows are padded to; a multiple of 16, which is a multiple of every machine's
     * {@link Vectors#LANES}.
     */
    static int padded(int rows) {
        int step = rows <= SMALL ? SMALL_STEP : rows <= MEDIUM ? MEDIUM_STEP : LARGE_STEP;
        return Math.ceilDiv(rows, step) * step;
    }

    int count() {
        return Math.ceilDiv(length, tile);
    }

    int start(int index) {
        return index * tile;
    }

    /** The rows of a tile, without padding. */
    int rows(int index) {
        return Math.min(tile, length - start(index));
    }

    int paddedRows(int index) {
        return padded(rows(index));
    }

    int lastPaddedRows() {
        return paddedRows(count() - 1);
    }

    /** The rows of all tiles, padding included. */
    int paddedLength() {
        return start(count() - 1) + lastPaddedRows();
    }
}
