package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Activated;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Gated;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;

/**
 * Linear layers, forward and back to their inputs. A product is cut into tiles of rows and columns; what follows it is
 * done to a tile while the tile is in cache.
 */
final class Linears {
    /** Rows of a tile of the result. */
    private static final int TILE_ROWS = 128;

    private final Memory memory;
    private final Workers workers;
    private final Matmuls matmuls;
    private final PackedWeights weights;
    private final DType workingType;
    private final DType productType;

    /** What is done with a row of a tile, in FP32, in the tile's columns, before it is stored in the result. */
    private interface Epilogue {
        Epilogue NONE = (_, _, _, _, _) -> {};

        /**
         * Takes n values.
         *
         * @param values their address; become those that are stored
         * @param row of the result
         * @param column of the result that the first belongs to
         * @param n how many
         * @param scratch room for 2n floats
         */
        void take(long values, int row, int column, int n, long scratch);
    }

    /** @param workingType of results */
    Linears(Memory memory, Workers workers, Matmuls matmuls, DType workingType) {
        this.memory = memory;
        this.workers = workers;
        this.matmuls = matmuls;
        this.weights = new PackedWeights(memory, workers, matmuls);
        this.workingType = workingType;
        productType = matmuls.productType();
    }

    Tensor linear(Tensor xRI, Tensor weightOI, Tensor biasO) {
        CpuTensor y = result(xRI, weightOI, biasO, workingType);
        forward(xRI, weightOI, biasO, y, Epilogue.NONE);
        return y;
    }

    Activated linearGelu(Tensor xRI, Tensor weightOI, Tensor biasO) {
        CpuTensor inner = result(xRI, weightOI, biasO, workingType);
        CpuTensor out = result(xRI, weightOI, biasO, workingType);
        forward(xRI, weightOI, biasO, out, (values, row, column, n, _) -> {
            store(values, inner, row, column, n);
            Activations.gelu(values, values, n);
        });
        return new Activated(inner, out);
    }

    Tensor linearResidual(Tensor xRI, Tensor weightOI, Tensor biasO, Tensor residualRO) {
        CpuTensor residual = memory.inside(residualRO);
        CpuTensor out = result(xRI, weightOI, biasO, residual.dtype());
        Shapes.requireSame("residual", residual, "result", out);
        forward(
                xRI,
                weightOI,
                biasO,
                out,
                (values, row, column, n, scratch) ->
                        RowKernels.add(values, floats(residual, row, column, n, scratch), values, n));
        return out;
    }

    Gated linearGatedResidual(
            Tensor xLI, Tensor weightDI, Tensor biasD, Tensor residualLD, Tensor gateSD, Segments segments) {
        CpuTensor residual = memory.inside(residualLD);
        CpuTensor gate = memory.inside(gateSD);
        CpuTensor branch = result(xLI, weightDI, biasD, workingType);
        CpuTensor out = result(xLI, weightDI, biasD, residual.dtype());
        Shapes.requireSame("residual", residual, "result", out);
        Shapes.requireRows("residual", residual, segments);
        Shapes.require("gate", gate, segments.count(), out.columns());
        forward(xLI, weightDI, biasD, out, (values, row, column, n, scratch) -> {
            store(values, branch, row, column, n);
            long gateRow = floats(gate, segments.indexOf(row), column, n, scratch + 4L * n);
            RowKernels.multiplyAdd(values, gateRow, floats(residual, row, column, n, scratch), values, n);
        });
        return new Gated(branch, out);
    }

    Tensor linearBackwardInput(Tensor dyRO, Tensor weightOI) {
        CpuTensor dx = inputGradient(dyRO, weightOI);
        backward(dyRO, weightOI, dx, Epilogue.NONE);
        return dx;
    }

    Tensor linearBackwardInputGelu(Tensor dyRO, Tensor weightOI, Tensor innerRI) {
        CpuTensor inner = memory.inside(innerRI);
        CpuTensor dx = inputGradient(dyRO, weightOI);
        Shapes.requireSame("inner", inner, "gradient", dx);
        backward(
                dyRO,
                weightOI,
                dx,
                (values, row, column, n, scratch) ->
                        Activations.geluBackward(values, floats(inner, row, column, n, scratch), values, n));
        return dx;
    }

    private CpuTensor result(Tensor xRI, Tensor weightOI, Tensor biasO, DType type) {
        CpuTensor x = memory.inside(xRI);
        CpuTensor weight = memory.inside(weightOI);
        Shapes.requireRank("x", x, 2);
        Shapes.requireRank("weight", weight, 2);
        Shapes.require("weight", weight, memory.inside(biasO).columns(), x.columns());
        Shapes.require("bias", biasO, weight.dim(0));
        return memory.allocate(type, x.dim(0), weight.dim(0));
    }

    private CpuTensor inputGradient(Tensor dyRO, Tensor weightOI) {
        CpuTensor dy = memory.inside(dyRO);
        CpuTensor weight = memory.inside(weightOI);
        Shapes.requireRank("weight", weight, 2);
        Shapes.require("dy", dy, dy.dim(0), weight.dim(0));
        return memory.allocate(workingType, dy.dim(0), weight.dim(1));
    }

    private static void store(long values, CpuTensor to, int row, int column, int n) {
        Vectors.copy(values, DType.FP32, to.address((long) row * to.columns() + column), to.dtype(), n);
    }

    /** A part of a tensor's row as FP32, in the scratch row unless the tensor is. */
    private static long floats(CpuTensor of, int row, int column, int n, long scratch) {
        return Vectors.floats(of.address((long) row * of.columns() + column), of.dtype(), scratch, n);
    }

    /** {@code x·weightᵀ + bias}. */
    private void forward(Tensor xRI, Tensor weightOI, Tensor biasO, CpuTensor to, Epilogue epilogue) {
        long mark = memory.mark();
        CpuTensor bias = memory.inside(biasO);
        PackedWeights.Packed b = weights.transposed(memory.inside(weightOI));
        long biasAt = bias.address();
        if (bias.dtype() != DType.FP32) {
            biasAt = memory.reserve((long) b.n() * Float.BYTES);
            if (!memory.isPlanning()) {
                Vectors.widenRow(bias.address(), biasAt, b.n());
            }
        }
        run(new Product(memory.inside(xRI), b, biasAt, to, epilogue), mark);
    }

    /** {@code dy·weight}. */
    private void backward(Tensor dyRO, Tensor weightOI, CpuTensor to, Epilogue epilogue) {
        long mark = memory.mark();
        PackedWeights.Packed b = weights.straight(memory.inside(weightOI));
        long noBias = memory.reserve((long) b.n() * Float.BYTES);
        if (!memory.isPlanning()) {
            Vectors.zero(noBias, (long) b.n() * Float.BYTES);
        }
        run(new Product(memory.inside(dyRO), b, noBias, to, epilogue), mark);
    }

    private void run(Product product, long mark) {
        workers.run(product.numTiles(), product);
        memory.release(mark);
    }

    /** One call: a product, of which a tile is some rows by a chunk of columns. */
    private final class Product implements Workers.Tile {
        private final CpuTensor x;
        private final PackedWeights.Packed b;
        private final long bias;
        private final CpuTensor to;
        private final Epilogue epilogue;
        /** Whether whole tiles are written where they belong. */
        private final boolean canBeDirect;
        /** Of the chunks by {@link #TILE_ROWS}, then of the chunks by the rows that are left, if any. */
        private final Matmul[] products;
        /** A worker's rows of x, a tile, and two rows. */
        private final long scratchBytes;

        private final long scratch;

        Product(CpuTensor x, PackedWeights.Packed b, long bias, CpuTensor to, Epilogue epilogue) {
            this.x = x;
            this.b = b;
            this.bias = bias;
            this.to = to;
            this.epilogue = epilogue;
            canBeDirect = epilogue == Epilogue.NONE && (to.dtype() == DType.FP32 || to.dtype() == productType);
            scratchBytes = Memory.wholeLines(xBytes() + (TILE_ROWS + 2L) * b.columns(0) * Float.BYTES);
            scratch = memory.reserve(scratchBytes * workers.count());
            int rowsLeft = x.rows() % TILE_ROWS;
            products = new Matmul[rowsLeft == 0 ? b.numChunks() : 2 * b.numChunks()];
            for (int i = 0; i < products.length; i++) {
                products[i] = compiled(i < b.numChunks() ? TILE_ROWS : rowsLeft, i % b.numChunks());
            }
        }

        int numTiles() {
            return Math.ceilDiv(x.rows(), TILE_ROWS) * b.numChunks();
        }

        private long xBytes() {
            return (long) TILE_ROWS * b.k() * productType.bytes();
        }

        private Matmul compiled(int rows, int chunk) {
            boolean direct = isDirect(rows);
            return matmuls.of(
                    b.layout(chunk),
                    Matmuls.paddedRows(rows),
                    b.k(),
                    direct ? b.n() : b.columns(chunk),
                    direct ? to.dtype() : DType.FP32);
        }

        private boolean isDirect(int rows) {
            return canBeDirect && Matmuls.paddedRows(rows) == rows;
        }

        @Override
        public void run(int tile, int worker) {
            int row = tile / b.numChunks() * TILE_ROWS;
            int chunk = tile % b.numChunks();
            int rows = Math.min(TILE_ROWS, x.rows() - row);
            int column = b.firstColumn(chunk);
            int n = b.columns(chunk);
            long own = scratch + worker * scratchBytes;
            long a = rows(row, rows, own);
            long biasAt = bias + (long) column * Float.BYTES;
            Matmul matmul = products[rows == TILE_ROWS ? chunk : b.numChunks() + chunk];
            if (isDirect(rows)) {
                matmul.run(worker, a, b.address(chunk), to.address((long) row * b.n() + column), biasAt);
                return;
            }
            long c = own + xBytes();
            long rowScratch = c + (long) TILE_ROWS * b.columns(0) * Float.BYTES;
            matmul.run(worker, a, b.address(chunk), c, biasAt);
            for (int i = 0; i < rows; i++) {
                long values = c + (long) i * n * Float.BYTES;
                epilogue.take(values, row + i, column, n, rowScratch);
                store(values, to, row + i, column, n);
            }
        }

        /** Rows of x as they are multiplied: where they are, or converted and padded in a worker's scratch. */
        private long rows(int row, int rows, long own) {
            long from = x.address((long) row * b.k());
            if (matmuls.isInPlace(x, rows)) {
                return from;
            }
            Vectors.copy(from, x.dtype(), own, productType, rows * b.k());
            long rowBytes = (long) b.k() * productType.bytes();
            Vectors.zero(own + rows * rowBytes, (Matmuls.paddedRows(rows) - rows) * rowBytes);
            return own;
        }
    }
}
