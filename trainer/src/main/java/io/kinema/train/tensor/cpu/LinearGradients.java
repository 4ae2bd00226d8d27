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
        int widest = PackedWeights.chunk(x.columns(), PackedWeights.MAX_COLUMNS);
        int tallest = PackedWeights.chunk(dy.columns(), TILE_ROWS);
        Gradient of = new Gradient(
                dy,
                x,
                RowKernels.requireFp32("dWeight", memory.inside(dWeight)).changed(),
                RowKernels.requireFp32("dBias", memory.inside(dBias)).changed(),
                tallest,
                widest,
                new Matmul[KINDS]);
        compile(of);
        long mark = memory.mark();
        long operandBytes = (long) SUM_ROWS * (tallest + widest) * productType.bytes();
        PerWorker scratch = PerWorker.reserve(memory, workers, operandBytes + 2L * tallest * Float.BYTES);
        int rowTiles = (dy.columns() + tallest - 1) / tallest;
        int columnTiles = (x.columns() + widest - 1) / widest;
        workers.run(
                rowTiles * columnTiles,
                (tile, worker) -> tile(
                        of, tile / columnTiles * tallest, tile % columnTiles * widest, worker, scratch.of(worker)));
        memory.release(mark);
    }

    /**
     * One call.
     *
     * @param tallest rows of all tiles of the weight's gradient but the last
     * @param widest columns of all tiles but the last
     * @param products by whether there are fewer rows, fewer columns and fewer products to sum than elsewhere
     */
    private record Gradient(
            CpuTensor dy, CpuTensor x, CpuTensor dWeight, CpuTensor dBias, int tallest, int widest, Matmul[] products) {
        int rows(int out) {
            return Math.min(tallest, dy.columns() - out);
        }

        int columns(int in) {
            return Math.min(widest, x.columns() - in);
        }

        Matmul product(int m, int n, int sumRows) {
            return products[(m == tallest ? 0 : 1) + (n == widest ? 0 : 2) + (sumRows == SUM_ROWS ? 0 : 4)];
        }
    }

    /** Makes sure, in the calling thread, that all products of {@link #tile} are there. */
    private void compile(Gradient of) {
        for (int i = 0; i < KINDS; i++) {
            int m = (i & 1) == 0 ? of.tallest : of.dy.columns() % of.tallest;
            int n = (i & 2) == 0 ? of.widest : of.x.columns() % of.widest;
            int sumRows = (i & 4) == 0 ? SUM_ROWS : of.x.rows() % SUM_ROWS;
            if (m > 0 && n > 0 && sumRows > 0 && sumRows <= of.x.rows()) {
                of.products[i] = matmuls.of(new Matmul.Shape(
                        m,
                        n,
                        Matmuls.paddedRows(sumRows),
                        productType,
                        1,
                        matmuls.isInPlace(of.dy, sumRows) ? of.dy.columns() : m,
                        matmuls.isInPlace(of.x, sumRows) ? of.x.columns() : n,
                        1,
                        of.x.columns(),
                        true));
            }
        }
    }

    /**
     * Adds to the weight's gradient from row {@code out} and column {@code in} on; the first column's tile adds to the
     * bias's.
     */
    private void tile(Gradient of, int out, int in, int worker, long scratch) {
        int m = of.rows(out);
        int n = of.columns(in);
        long b = scratch + (long) SUM_ROWS * m * productType.bytes();
        long sums = b + (long) SUM_ROWS * n * productType.bytes();
        if (in == 0) {
            Vectors.zero(sums, (long) m * Float.BYTES);
        }
        for (int row = 0; row < of.x.rows(); row += SUM_ROWS) {
            int rows = Math.min(SUM_ROWS, of.x.rows() - row);
            long dyAt = columns(of.dy, row, rows, out, m, scratch);
            long xAt = columns(of.x, row, rows, in, n, b);
            long to = of.dWeight.address((long) out * of.x.columns() + in);
            of.product(m, n, rows).run(worker, dyAt, xAt, to);
            if (in == 0) {
                addColumns(of.dy, row, rows, out, m, sums);
            }
        }
        if (in == 0) {
            RowKernels.add(of.dBias.address(out), sums, of.dBias.address(out), m);
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
