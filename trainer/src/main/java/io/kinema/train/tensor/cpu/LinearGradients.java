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
    /** Rows between which copies are made of what products cannot take as it is: they bound the memory for them. */
    private static final int BAND_ROWS = 8 * SUM_ROWS;
    /** Rows that a worker copies at a time. */
    private static final int COPIED_ROWS = 32;

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
        CpuTensor weightGradient =
                Rows.requireFp32("dWeight", memory.inside(dWeight)).changed();
        CpuTensor biasGradient = Rows.requireFp32("dBias", memory.inside(dBias)).changed();
        long mark = memory.mark();
        new Pass(operand(dy), operand(x), weightGradient, biasGradient).run();
        memory.release(mark);
    }

    private Operand operand(CpuTensor x) {
        int tail = x.rows() % SUM_ROWS;
        int firstCopied = x.rows();
        if (x.dtype() != productType) {
            firstCopied = 0;
        } else if (tail > 0 && !matmuls.isInPlace(x, tail)) {
            firstCopied -= tail;
        }
        int end = x.rows() - tail + (tail == 0 ? 0 : Matmuls.paddedRows(tail));
        long copiedRows = Math.min(BAND_ROWS, end - firstCopied);
        return new Operand(x, productType, firstCopied, memory.reserve(copiedRows * x.columns() * productType.bytes()));
    }

    /**
     * A matrix as products take it: of their type, in groups of {@link #SUM_ROWS} rows, the last of which is padded with rows of zeros.
     *
     * @param of the matrix
     * @param type of products
     * @param firstCopied the first row that they cannot take where it is; the end where there is none
     * @param copies where they find those rows of a band that they cannot
     */
    private record Operand(CpuTensor of, DType type, int firstCopied, long copies) {
        long row(int row, int band) {
            long columns = of.columns();
            return row < firstCopied
                    ? of.address(row * columns)
                    : copies + (row - Math.max(firstCopied, band)) * columns * type.bytes();
        }

        void copy(int row, int band) {
            int columns = of.columns();
            if (row >= of.rows()) {
                Vectors.zero(row(row, band), (long) columns * type.bytes());
            } else if (row >= firstCopied) {
                Vectors.copy(of.address((long) row * columns), of.dtype(), row(row, band), type, columns);
            }
        }
    }

    /** One call. */
    private final class Pass {
        private final Operand dy;
        private final Operand x;
        private final CpuTensor dWeight;
        private final CpuTensor dBias;
        private final int numRows;
        private final int outputs;
        private final int inputs;
        private final int tallest;
        private final int widest;
        private final int columnTiles;
        private final PerWorker sums;
        /** By whether there are fewer rows, fewer columns and fewer products to sum than elsewhere. */
        private final Matmul[] products = new Matmul[8];

        Pass(Operand dy, Operand x, CpuTensor dWeight, CpuTensor dBias) {
            this.dy = dy;
            this.x = x;
            this.dWeight = dWeight;
            this.dBias = dBias;
            numRows = x.of.rows();
            outputs = dy.of.columns();
            inputs = x.of.columns();
            tallest = PackedWeights.chunk(outputs, TILE_ROWS);
            widest = PackedWeights.chunk(inputs, PackedWeights.MAX_COLUMNS);
            columnTiles = Math.ceilDiv(inputs, widest);
            sums = PerWorker.reserve(memory, workers, 2L * tallest * Float.BYTES);
            for (int i = 0; i < products.length; i++) {
                int m = (i & 4) == 0 ? tallest : outputs % tallest;
                int n = (i & 2) == 0 ? widest : inputs % widest;
                int k = (i & 1) == 0 ? SUM_ROWS : numRows % SUM_ROWS;
                boolean needed = (i & 1) != 0 || numRows >= SUM_ROWS;
                if (needed && m > 0 && n > 0 && k > 0) {
                    products[i] = matmuls.of(new Matmul.Shape(
                            m, n, Matmuls.paddedRows(k), productType, 1, outputs, inputs, 1, inputs, true));
                }
            }
        }

        private Matmul product(int m, int n, int k) {
            return products[(m == tallest ? 0 : 4) + (n == widest ? 0 : 2) + (k == SUM_ROWS ? 0 : 1)];
        }

        void run() {
            int tiles = Math.ceilDiv(outputs, tallest) * columnTiles;
            for (int b = 0; b < numRows; b += BAND_ROWS) {
                int band = b;
                int end = Math.min(numRows, band + BAND_ROWS);
                int firstCopied = Math.max(band, Math.min(dy.firstCopied, x.firstCopied));
                int copied = end + padding(end) - firstCopied;
                if (firstCopied < end) {
                    workers.run(Math.ceilDiv(copied, COPIED_ROWS), (piece, _) -> {
                        int first = piece * COPIED_ROWS;
                        for (int i = first; i < Math.min(copied, first + COPIED_ROWS); i++) {
                            dy.copy(firstCopied + i, band);
                            x.copy(firstCopied + i, band);
                        }
                    });
                }
                workers.run(tiles, (tile, worker) -> tile(tile, band, end, worker));
            }
        }

        private int padding(int end) {
            int tail = end % SUM_ROWS;
            return tail == 0 ? 0 : Matmuls.paddedRows(tail) - tail;
        }

        /** Adds a band's rows to a tile of the weight's gradient; tiles of the first column add to the bias's. */
        private void tile(int tile, int band, int end, int worker) {
            int out = tile / columnTiles * tallest;
            int in = tile % columnTiles * widest;
            int m = Math.min(tallest, outputs - out);
            int n = Math.min(widest, inputs - in);
            long to = dWeight.address((long) out * inputs + in);
            int bytes = productType.bytes();
            for (int row = band; row < end; row += SUM_ROWS) {
                product(m, n, Math.min(SUM_ROWS, end - row))
                        .run(worker, dy.row(row, band) + (long) out * bytes, x.row(row, band) + (long) in * bytes, to);
            }
            if (in == 0) {
                addColumns(out, m, band, end, sums.of(worker));
            }
        }

        /** Adds a band's rows to the bias's gradient; the row of sums has room for another behind it. */
        private void addColumns(int out, int m, int band, int end, long sum) {
            Vectors.zero(sum, (long) m * Float.BYTES);
            for (int row = band; row < end; row++) {
                long at = dy.of.address((long) row * outputs + out);
                Rows.add(sum, Vectors.floats(at, dy.of.dtype(), sum + 4L * m, m), sum, m);
            }
            Rows.add(dBias.address(out), sum, dBias.address(out), m);
        }
    }
}
