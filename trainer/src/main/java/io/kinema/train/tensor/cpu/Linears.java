package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Activated;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Gated;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;

/**
 * Linear layers. A product is cut into tiles of rows and columns; what follows it is done to a tile while the tile is in cache. Tails are padded to a power of
 * two of rows, which bounds the number of compiled products.
 */
final class Linears {
    /** Rows of a tile of the result. */
    private static final int TILE_ROWS = 128;
    /** Rows that a product of gradients sums over at a time. */
    private static final int SUM_ROWS = 256;
    /** The most rows of a tile of a weight's gradient; its columns are cut as those of packed weights are. */
    private static final int GRAD_ROWS = 256;

    private static final int MIN_ROWS = 16;

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

    /**
     * @param workingType of results
     * @param productType in which products are made
     */
    Linears(Memory memory, Workers workers, Matmuls matmuls, DType workingType, DType productType) {
        this.memory = memory;
        this.workers = workers;
        this.matmuls = matmuls;
        this.weights = new PackedWeights(memory, workers, matmuls, productType);
        this.workingType = workingType;
        this.productType = productType;
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
            add(Vectors.floats(at, residual.dtype(), scratch, n), values, n);
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
            addGated(
                    Vectors.floats(residualAt, residual.dtype(), scratch, n),
                    Vectors.floats(gateAt, gate.dtype(), scratch + 4L * n, n),
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
        long scratchBytes = (aBytes + cBytes + 2L * widest * Float.BYTES + 63) & -64L;
        long scratch = memory.reserve(scratchBytes * workers.count());
        int rowTiles = (x.rows() + TILE_ROWS - 1) / TILE_ROWS;
        Matmul[] full = matmuls(tiles, TILE_ROWS);
        int tailRows = x.rows() % TILE_ROWS;
        Matmul[] tail = matmuls(tiles, tailRows);
        workers.run(rowTiles * b.numChunks(), (tile, worker) -> {
            int row = tile / b.numChunks() * TILE_ROWS;
            int chunk = tile % b.numChunks();
            int rows = Math.min(TILE_ROWS, x.rows() - row);
            tile(tiles, row, chunk, (rows == TILE_ROWS ? full : tail)[chunk], worker, scratch + worker * scratchBytes);
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

    /** As many rows as are multiplied for so many. */
    private static int padded(int rows) {
        return Math.max(MIN_ROWS, Integer.highestOneBit(2 * rows - 1));
    }

    private boolean isDirect(Tiles tiles, int rows) {
        return tiles.direct != null && padded(rows) == rows;
    }

    private boolean isInPlace(CpuTensor x, int rows) {
        return x.dtype() == productType && padded(rows) == rows;
    }

    /** The products for tiles of so many rows, one for each chunk of columns. */
    private Matmul[] matmuls(Tiles tiles, int rows) {
        PackedWeights.Packed b = tiles.b;
        Matmul[] all = new Matmul[rows == 0 ? 0 : b.numChunks()];
        for (int chunk = 0; chunk < all.length; chunk++) {
            boolean direct = isDirect(tiles, rows);
            all[chunk] = matmuls.of(
                    b.layout(chunk),
                    padded(rows),
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
        if (!isInPlace(x, rows)) {
            convert(a, x.dtype(), scratch, rows * b.k());
            Vectors.zero(
                    scratch + (long) rows * b.k() * productType.bytes(),
                    (long) (padded(rows) - rows) * b.k() * productType.bytes());
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

    private void convert(long from, DType fromType, long to, int n) {
        Vectors.copy(from, fromType, to, productType, n);
    }

    void linearBackwardParameters(Tensor dyRO, Tensor xRI, Tensor dWeight, Tensor dBias) {
        CpuTensor dy = memory.inside(dyRO);
        CpuTensor x = memory.inside(xRI);
        Shapes.requireRank("dy", dy, 2);
        Shapes.require("x", x, dy.dim(0), x.columns());
        Shapes.require("dWeight", dWeight, dy.columns(), x.columns());
        Shapes.require("dBias", dBias, dy.columns());
        WeightGradient of = new WeightGradient(
                dy, x, memory.inside(dWeight).changed(), memory.inside(dBias).changed());
        long mark = memory.mark();
        int widest = PackedWeights.chunk(x.columns(), PackedWeights.MAX_COLUMNS);
        int tallest = PackedWeights.chunk(dy.columns(), GRAD_ROWS);
        long scratchBytes =
                ((long) SUM_ROWS * (tallest + widest) * productType.bytes() + 2L * tallest * Float.BYTES + 63) & -64L;
        long scratch = memory.reserve(scratchBytes * workers.count());
        int rowTiles = (dy.columns() + tallest - 1) / tallest;
        int columnTiles = (x.columns() + widest - 1) / widest;
        compile(of);
        workers.run(
                rowTiles * columnTiles,
                (tile, worker) -> gradientTile(
                        of,
                        tile / columnTiles * tallest,
                        tile % columnTiles * widest,
                        worker,
                        scratch + worker * scratchBytes));
        memory.release(mark);
    }

    private record WeightGradient(CpuTensor dy, CpuTensor x, CpuTensor dWeight, CpuTensor dBias) {
        int rows(int out) {
            return Math.min(PackedWeights.chunk(dy.columns(), GRAD_ROWS), dy.columns() - out);
        }

        int columns(int in) {
            return Math.min(PackedWeights.chunk(x.columns(), PackedWeights.MAX_COLUMNS), x.columns() - in);
        }
    }

    /** Makes sure, in the calling thread, that all products of {@link #gradientTile} are there. */
    private void compile(WeightGradient of) {
        for (int sumRows : new int[] {Math.min(SUM_ROWS, of.x.rows()), of.x.rows() % SUM_ROWS}) {
            if (sumRows > 0) {
                for (int out = 0; out < of.dy.columns(); out += of.rows(out)) {
                    for (int in = 0; in < of.x.columns(); in += of.columns(in)) {
                        gradientMatmul(of, out, in, sumRows);
                    }
                }
            }
        }
    }

    private Matmul gradientMatmul(WeightGradient of, int out, int in, int sumRows) {
        long aColumn = isInPlace(of.dy, sumRows) ? of.dy.columns() : of.rows(out);
        long bRow = isInPlace(of.x, sumRows) ? of.x.columns() : of.columns(in);
        return matmuls.of(new Matmul.Shape(
                of.rows(out), of.columns(in), padded(sumRows), productType, 1, aColumn, bRow, 1, of.x.columns(), true));
    }

    /** Adds to the weight's gradient from row {@code out} and column {@code in} on; the first column's tile adds to the bias's. */
    private void gradientTile(WeightGradient of, int out, int in, int worker, long scratch) {
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
            gradientMatmul(of, out, in, rows).run(worker, dyAt, xAt, to);
            if (in == 0) {
                addColumns(of.dy, row, rows, out, m, sums);
            }
        }
        if (in == 0) {
            add(sums, of.dBias.address(out), m);
        }
    }

    /** Columns of some rows as a product takes them: where they are, or packed, converted and padded with rows of 0. */
    private long columns(CpuTensor of, int row, int rows, int column, int n, long scratch) {
        long from = of.address((long) row * of.columns() + column);
        if (isInPlace(of, rows)) {
            return from;
        }
        int bytes = productType.bytes();
        for (int i = 0; i < rows; i++) {
            convert(from + (long) i * of.columns() * of.dtype().bytes(), of.dtype(), scratch + (long) i * n * bytes, n);
        }
        Vectors.zero(scratch + (long) rows * n * bytes, (long) (padded(rows) - rows) * n * bytes);
        return scratch;
    }

    /** Adds rows to a row of sums, which has room for another behind it. */
    private static void addColumns(CpuTensor of, int row, int rows, int column, int n, long sums) {
        for (int i = 0; i < rows; i++) {
            long at = of.address((long) (row + i) * of.columns() + column);
            add(Vectors.floats(at, of.dtype(), sums + 4L * n, n), sums, n);
        }
    }

    /** {@code y += x}. */
    private static void add(long x, long y, int n) {
        int i = 0;
        for (; i <= n - Vectors.LANES; i += Vectors.LANES) {
            Vectors.store(Vectors.load(x + 4L * i).add(Vectors.load(y + 4L * i)), y + 4L * i);
        }
        for (; i < n; i++) {
            Vectors.set(y + 4L * i, Vectors.get(x + 4L * i) + Vectors.get(y + 4L * i));
        }
    }

    /** {@code y = residual + gate·y}. */
    private static void addGated(long residual, long gate, long y, int n) {
        int i = 0;
        for (; i <= n - Vectors.LANES; i += Vectors.LANES) {
            long at = 4L * i;
            Vectors.store(
                    Vectors.load(residual + at).add(Vectors.load(gate + at).mul(Vectors.load(y + at))), y + at);
        }
        for (; i < n; i++) {
            long at = 4L * i;
            Vectors.set(y + at, Vectors.get(residual + at) + Vectors.get(gate + at) * Vectors.get(y + at));
        }
    }
}
