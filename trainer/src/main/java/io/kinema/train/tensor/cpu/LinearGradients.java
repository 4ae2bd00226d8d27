package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;

/** Gradients of the parameters of linear layers: sums over all rows, made tile by tile of the parameters. */
final class LinearGradients {
    /** Rows that a product sums over at a time. */
    private static final int SUM_ROWS = 256;
    /** The most rows of a tile of a weight's gradient; its columns are cut as those of packed weights are. */
    private static final int TILE_ROWS = 256;
    /**
     * Products that a call needs at the most: the last rows, columns and rows that are summed over may be fewer than
     * the others.
     */
    private static final int KINDS = 8;

    private final Memory memory;
    private final Workers workers;
    private final Matmuls matmuls;
    private final DType productType;

    LinearGradients(Memory memory, Workers workers, Matmuls matmuls) {
        this.memory = memory;
        this.workers = workers;
        this.matmuls = matmuls;
        productType = matmuls.productType();
    }

    void linearBackwardParameters(Tensor dyRO, Tensor xRI, Tensor dWeight, Tensor dBias) {
        CpuTensor dy = memory.inside(dyRO);
        CpuTensor x = memory.inside(xRI);
        Shapes.requireRank("dy", dy, 2);
        Shapes.require("x", x, dy.dim(0), x.columns());
        Shapes.require("dWeight", dWeight, dy.columns(), x.columns());
        Shapes.require("dBias", dBias, dy.columns());
        CpuTensor weightSum =
                RowKernels.requireFp32("dWeight", memory.inside(dWeight)).changed();
        CpuTensor biasSum =
                RowKernels.requireFp32("dBias", memory.inside(dBias)).changed();
        long mark = memory.mark();
        Gradient gradient = new Gradient(dy, x, weightSum, biasSum);
        workers.run(gradient.numTiles(), gradient);
        memory.release(mark);
    }

    /** One call. */
    private final class Gradient implements Workers.Tile {
        private final CpuTensor dy;
        private final CpuTensor x;
        private final CpuTensor dWeight;
        private final CpuTensor dBias;
        /** Rows of all tiles of the weight's gradient but the last. */
        private final int tallest;
        /** Columns of all tiles but the last. */
        private final int widest;
        /** By whether there are fewer rows, fewer columns and fewer products to sum than elsewhere. */
        private final Matmul[] products = new Matmul[KINDS];
        /** A worker's columns of dy and of x, and two rows of sums. */
        private final long scratchBytes;

        private final long scratch;

        Gradient(CpuTensor dy, CpuTensor x, CpuTensor dWeight, CpuTensor dBias) {
            this.dy = dy;
            this.x = x;
            this.dWeight = dWeight;
            this.dBias = dBias;
            tallest = PackedWeights.chunk(dy.columns(), TILE_ROWS);
            widest = PackedWeights.chunk(x.columns(), PackedWeights.MAX_COLUMNS);
            compile();
            long operandBytes = (long) SUM_ROWS * (tallest + widest) * productType.bytes();
            scratchBytes = Memory.wholeLines(operandBytes + 2L * tallest * Float.BYTES);
            scratch = memory.reserve(scratchBytes * workers.count());
        }

        int numTiles() {
            return Math.ceilDiv(dy.columns(), tallest) * columnTiles();
        }

        private int columnTiles() {
            return Math.ceilDiv(x.columns(), widest);
        }

        /** Makes sure, in the calling thread, that all products of {@link #run} are there. */
        private void compile() {
            for (int i = 0; i < KINDS; i++) {
                int m = (i & 1) == 0 ? tallest : dy.columns() % tallest;
                int n = (i & 2) == 0 ? widest : x.columns() % widest;
                int sumRows = (i & 4) == 0 ? SUM_ROWS : x.rows() % SUM_ROWS;
                if (m > 0 && n > 0 && sumRows > 0 && sumRows <= x.rows()) {
                    products[i] = matmuls.of(new Matmul.Shape(
                            m,
                            n,
                            Matmuls.paddedRows(sumRows),
                            productType,
                            1,
                            matmuls.isInPlace(dy, sumRows) ? dy.columns() : m,
                            matmuls.isInPlace(x, sumRows) ? x.columns() : n,
                            1,
                            x.columns(),
                            true));
                }
            }
        }

        private Matmul product(int m, int n, int sumRows) {
            return products[(m == tallest ? 0 : 1) + (n == widest ? 0 : 2) + (sumRows == SUM_ROWS ? 0 : 4)];
        }

        /** Adds to a tile of the weight's gradient; the first column's tiles add to the bias's. */
        @Override
        public void run(int tile, int worker) {
            int out = tile / columnTiles() * tallest;
            int in = tile % columnTiles() * widest;
            int m = Math.min(tallest, dy.columns() - out);
            int n = Math.min(widest, x.columns() - in);
            long a = scratch + worker * scratchBytes;
            long b = a + (long) SUM_ROWS * m * productType.bytes();
            long sums = b + (long) SUM_ROWS * n * productType.bytes();
            if (in == 0) {
                Vectors.zero(sums, (long) m * Float.BYTES);
            }
            for (int row = 0; row < x.rows(); row += SUM_ROWS) {
                int rows = Math.min(SUM_ROWS, x.rows() - row);
                long dyAt = columns(dy, row, rows, out, m, a);
                long xAt = columns(x, row, rows, in, n, b);
                product(m, n, rows).run(worker, dyAt, xAt, dWeight.address((long) out * x.columns() + in));
                if (in == 0) {
                    addColumns(dy, row, rows, out, m, sums);
                }
            }
            if (in == 0) {
                RowKernels.add(dBias.address(out), sums, dBias.address(out), m);
            }
        }
    }

    /** Columns of some rows as a product takes them: where they are, or packed, converted and padded with rows of 0. */
    private long columns(CpuTensor of, int row, int rows, int column, int n, long scratch) {
        long from = of.address((long) row * of.columns() + column);
        if (matmuls.isInPlace(of, rows)) {
            return from;
        }
        int bytes = productType.bytes();
        for (int i = 0; i < rows; i++) {
            long at = from + (long) i * of.columns() * of.dtype().bytes();
            Vectors.copy(at, of.dtype(), scratch + (long) i * n * bytes, productType, n);
        }
        Vectors.zero(scratch + (long) rows * n * bytes, (long) (Matmuls.paddedRows(rows) - rows) * n * bytes);
        return scratch;
    }

    /** Adds rows to a row of sums, which has room for another behind it. */
    private static void addColumns(CpuTensor of, int row, int rows, int column, int n, long sums) {
        for (int i = 0; i < rows; i++) {
            long at = of.address((long) (row + i) * of.columns() + column);
            RowKernels.add(sums, Vectors.floats(at, of.dtype(), sums + 4L * n, n), sums, n);
        }
    }
}
