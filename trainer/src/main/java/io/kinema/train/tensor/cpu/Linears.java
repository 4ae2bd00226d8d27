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

    /** What is done with a row of a tile of the result, in FP32, in the tile's columns. */
    private interface Epilogue {
        /**
         * Takes n values.
         *
         * @param values their address; may be overwritten
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
        forward(xRI, weightOI, biasO, y, storeTo(y));
        return y;
    }

    Activated linearGelu(Tensor xRI, Tensor weightOI, Tensor biasO) {
        CpuTensor inner = result(xRI, weightOI, biasO, workingType);
        CpuTensor out = result(xRI, weightOI, biasO, workingType);
        Epilogue toInner = storeTo(inner);
        Epilogue toOut = storeTo(out);
        forward(xRI, weightOI, biasO, null, (values, row, column, n, scratch) -> {
            toInner.take(values, row, column, n, scratch);
            Activations.gelu(values, values, n);
            toOut.take(values, row, column, n, scratch);
        });
        return new Activated(inner, out);
    }

    Tensor linearResidual(Tensor xRI, Tensor weightOI, Tensor biasO, Tensor residualRO) {
        CpuTensor residual = memory.inside(residualRO);
        CpuTensor out = result(xRI, weightOI, biasO, residual.dtype());
        Shapes.requireSame("residual", residual, "result", out);
        int columns = out.columns();
        Epilogue store = storeTo(out);
        forward(xRI, weightOI, biasO, null, (values, row, column, n, scratch) -> {
            long at = residual.address((long) row * columns + column);
            RowKernels.add(values, Vectors.floats(at, residual.dtype(), scratch, n), values, n);
            store.take(values, row, column, n, scratch);
        });
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
        int columns = out.columns();
        Shapes.require("gate", gate, segments.count(), columns);
        Epilogue toBranch = storeTo(branch);
        Epilogue toOut = storeTo(out);
        forward(xLI, weightDI, biasD, null, (values, row, column, n, scratch) -> {
            toBranch.take(values, row, column, n, scratch);
            long gateAt = gate.address((long) segments.indexOf(row) * columns + column);
            long residualAt = residual.address((long) row * columns + column);
            RowKernels.multiplyAdd(
                    values,
                    Vectors.floats(gateAt, gate.dtype(), scratch + 4L * n, n),
                    Vectors.floats(residualAt, residual.dtype(), scratch, n),
                    values,
                    n);
            toOut.take(values, row, column, n, scratch);
        });
        return new Gated(branch, out);
    }

    Tensor linearBackwardInput(Tensor dyRO, Tensor weightOI) {
        CpuTensor dx = inputGradient(dyRO, weightOI);
        product(memory.inside(dyRO), memory.inside(weightOI), null, dx, storeTo(dx));
        return dx;
    }

    Tensor linearBackwardInputGelu(Tensor dyRO, Tensor weightOI, Tensor innerRI) {
        CpuTensor inner = memory.inside(innerRI);
        CpuTensor dx = inputGradient(dyRO, weightOI);
        Shapes.requireSame("inner", inner, "gradient", dx);
        int columns = dx.columns();
        Epilogue store = storeTo(dx);
        product(memory.inside(dyRO), memory.inside(weightOI), null, null, (values, row, column, n, scratch) -> {
            long at = inner.address((long) row * columns + column);
            Activations.geluBackward(values, Vectors.floats(at, inner.dtype(), scratch, n), values, n);
            store.take(values, row, column, n, scratch);
        });
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

    private void forward(Tensor xRI, Tensor weightOI, Tensor biasO, CpuTensor direct, Epilogue epilogue) {
        product(memory.inside(xRI), memory.inside(weightOI), memory.inside(biasO), direct, epilogue);
    }

    private static Epilogue storeTo(CpuTensor to) {
        int columns = to.columns();
        return (values, row, column, n, _) ->
                Vectors.copy(values, DType.FP32, to.address((long) row * columns + column), to.dtype(), n);
    }

    /** The tiles of one product. */
    private record Tiles(CpuTensor x, PackedWeights.Packed b, long bias, CpuTensor direct, Epilogue epilogue) {}

    /**
     * Multiplies and hands rows of the result to the epilogue.
     *
     * @param bias may be null: then the product is {@code x·weight}, else {@code x·weightᵀ + bias}
     * @param direct where whole tiles of the result may be written without an epilogue, or null
     */
    private void product(CpuTensor x, CpuTensor weight, CpuTensor bias, CpuTensor direct, Epilogue epilogue) {
        long mark = memory.mark();
        PackedWeights.Packed b = bias == null ? weights.straight(weight) : weights.transposed(weight);
        long biasAt = biasOf(bias, b.n());
        boolean canBeDirect = direct != null && (direct.dtype() == DType.FP32 || direct.dtype() == productType);
        Tiles tiles = new Tiles(x, b, biasAt, canBeDirect ? direct : null, epilogue);
        long aBytes = (long) TILE_ROWS * b.k() * productType.bytes();
        int widest = b.columns(0);
        long cBytes = (long) TILE_ROWS * widest * Float.BYTES;
        PerWorker scratch = PerWorker.reserve(memory, workers, aBytes + cBytes + 2L * widest * Float.BYTES);
        int rowTiles = (x.rows() + TILE_ROWS - 1) / TILE_ROWS;
        Matmul[] full = matmuls(tiles, TILE_ROWS);
        int tailRows = x.rows() % TILE_ROWS;
        Matmul[] tail = matmuls(tiles, tailRows);
        workers.run(rowTiles * b.numChunks(), (tile, worker) -> {
            int row = tile / b.numChunks() * TILE_ROWS;
            int chunk = tile % b.numChunks();
            int rows = Math.min(TILE_ROWS, x.rows() - row);
            tile(tiles, row, chunk, (rows == TILE_ROWS ? full : tail)[chunk], worker, scratch.of(worker));
        });
        memory.release(mark);
    }

    /** A bias in FP32, zeros where there is none. */
    private long biasOf(CpuTensor bias, int n) {
        if (bias != null && bias.dtype() == DType.FP32) {
            return bias.address();
        }
        long address = memory.reserve((long) n * Float.BYTES);
        workers.run(1, (_, _) -> {
            if (bias == null) {
                Vectors.zero(address, (long) n * Float.BYTES);
            } else {
                Vectors.widenRow(bias.address(), address, n);
            }
        });
        return address;
    }

    private boolean isDirect(Tiles tiles, int rows) {
        return tiles.direct != null && Matmuls.paddedRows(rows) == rows;
    }

    /** The products for tiles of so many rows, one for each chunk of columns. */
    private Matmul[] matmuls(Tiles tiles, int rows) {
        PackedWeights.Packed b = tiles.b;
        Matmul[] all = new Matmul[rows == 0 ? 0 : b.numChunks()];
        for (int chunk = 0; chunk < all.length; chunk++) {
            boolean direct = isDirect(tiles, rows);
            all[chunk] = matmuls.of(
                    b.layout(chunk),
                    Matmuls.paddedRows(rows),
                    b.k(),
                    direct ? b.n() : b.columns(chunk),
                    direct ? tiles.direct.dtype() : DType.FP32);
        }
        return all;
    }

    private void tile(Tiles tiles, int row, int chunk, Matmul matmul, int worker, long scratch) {
        CpuTensor x = tiles.x;
        PackedWeights.Packed b = tiles.b;
        int rows = Math.min(TILE_ROWS, x.rows() - row);
        int column = b.firstColumn(chunk);
        int n = b.columns(chunk);
        long a = x.address((long) row * b.k());
        if (!matmuls.isInPlace(x, rows)) {
            Vectors.copy(a, x.dtype(), scratch, productType, rows * b.k());
            Vectors.zero(
                    scratch + (long) rows * b.k() * productType.bytes(),
                    (long) (Matmuls.paddedRows(rows) - rows) * b.k() * productType.bytes());
            a = scratch;
        }
        long biasAt = tiles.bias + (long) column * Float.BYTES;
        if (isDirect(tiles, rows)) {
            matmul.run(worker, a, b.address(chunk), tiles.direct.address((long) row * b.n() + column), biasAt);
            return;
        }
        long c = scratch + (long) TILE_ROWS * b.k() * productType.bytes();
        long rowScratch = c + (long) TILE_ROWS * b.columns(0) * Float.BYTES;
        matmul.run(worker, a, b.address(chunk), c, biasAt);
        for (int i = 0; i < rows; i++) {
            tiles.epilogue.take(c + (long) i * n * Float.BYTES, row + i, column, n, rowScratch);
        }
    }
}
