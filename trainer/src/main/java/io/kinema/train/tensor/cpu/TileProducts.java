package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;

/**
 * The products that attention is made of, for tiles of {@code a} rows against {@code b} rows of heads of one width K.
 * All matrices are without gaps; left and right ones are of one type, results FP32.
 */
final class TileProducts {
    private final int a;
    private final int b;
    private final int width;
    private final DType type;
    private final Matmuls matmuls;
    private Matmul scores;
    private Matmul weighted;
    private Matmul weightedAdded;
    private Matmul columns;
    private Matmul columnsAdded;

    private TileProducts(TileGrid grid, int a, int b) {
        this.a = a;
        this.b = b;
        width = grid.width;
        type = grid.type;
        matmuls = grid.matmuls;
    }

    /**
     * The products for heads of one width, by the sizes of the tiles; compiled by the device's thread, then run by its
     * workers.
     */
    static final class TileGrid {
        private static final int STEP = Cut.padded(1);

        private final int width;
        private final DType type;
        private final Matmuls matmuls;
        private final TileProducts[][] bySizes;

        TileGrid(Matmuls matmuls, int width, int longestTile) {
            this.matmuls = matmuls;
            type = matmuls.productType();
            this.width = width;
            int sizes = longestTile / STEP + 1;
            bySizes = new TileProducts[sizes][sizes];
        }

        int width() {
            return width;
        }

        TileProducts of(int a, int b) {
            TileProducts found = bySizes[a / STEP][b / STEP];
            if (found == null) {
                found = new TileProducts(this, a, b);
                bySizes[a / STEP][b / STEP] = found;
            }
            return found;
        }
    }

    /**
     * Compiles {@link #scores} and {@link #weighted}.
     *
     * @param added whether also the one that adds
     */
    void compileWeighted(boolean added) {
        if (scores == null) {
            scores = matmuls.of(new Matmul.Shape(a, b, width, type, width, 1, b, 1, b, false));
        }
        if (weighted == null) {
            weighted = matmuls.of(new Matmul.Shape(a, width, b, type, b, 1, width, 1, width, false));
        }
        if (added && weightedAdded == null) {
            weightedAdded = matmuls.of(new Matmul.Shape(a, width, b, type, b, 1, width, 1, width, true));
        }
    }

    /**
     * Compiles {@link #columns}.
     *
     * @param added whether also the one that adds
     */
    void compileColumns(boolean added) {
        if (columns == null) {
            columns = matmuls.of(new Matmul.Shape(width, b, a, type, a, 1, b, 1, b, false));
        }
        if (added && columnsAdded == null) {
            columnsAdded = matmuls.of(new Matmul.Shape(width, b, a, type, a, 1, b, 1, b, true));
        }
    }

    /** {@code [a, K]·[K, b] → [a, b]}. */
    Matmul scores() {
        return scores;
    }

    /** {@code [a, b]·[b, K] → [a, K]}, added to what is there where so wanted. */
    Matmul weighted(boolean added) {
        return added ? weightedAdded : weighted;
    }

    /** {@code [K, a]·[a, b] → [K, b]}, added to what is there where so wanted. */
    Matmul columns(boolean added) {
        return added ? columnsAdded : columns;
    }
}
