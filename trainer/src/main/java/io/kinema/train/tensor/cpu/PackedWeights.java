package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;
import java.util.HashMap;
import java.util.Map;

/**
 * Weights as right matrices, packed when they are first multiplied by and again when they have changed: once a step,
 * however many microbatches it has. Weights that live in a scope are packed into the workspace each time.
 */
final class PackedWeights {
    /** Columns packed together: a tile of the result of 128 rows stays in the second level cache. */
    static final int MAX_COLUMNS = 512;
    /** The compiled products work on blocks of as many columns. */
    private static final int UNIT = 48;

    private final Memory memory;
    private final Workers workers;
    private final Matmuls matmuls;
    private final DType type;
    private final Map<Key, Packed> kept = new HashMap<>();

    /**
     * A weight matrix [O, I] as it is multiplied by.
     *
     * @param address of the weights
     * @param out O
     * @param in I
     * @param transposed whether {@code x·weightᵀ} is meant, rather than {@code dy·weight}
     */
    private record Key(long address, int out, int in, boolean transposed) {}

    /** A right matrix [k, n], cut into columns that are packed by themselves. */
    static final class Packed implements Workers.Tile {
        private final int k;
        private final int n;
        private final int chunkColumns;
        private final PackedLayout layout;
        private final PackedLayout lastLayout;
        private final long address;
        private final long chunkBytes;
        private long source;
        private long changes = -1;

        private Packed(int k, int n, int chunkColumns, PackedLayout layout, PackedLayout lastLayout, long address) {
            this.k = k;
            this.n = n;
            this.chunkColumns = chunkColumns;
            this.layout = layout;
            this.lastLayout = lastLayout;
            this.address = address;
            this.chunkBytes = Memory.wholeLines(layout.bytes());
        }

        int k() {
            return k;
        }

        int n() {
            return n;
        }

        int numChunks() {
            return (n + chunkColumns - 1) / chunkColumns;
        }

        int firstColumn(int chunk) {
            return chunk * chunkColumns;
        }

        int columns(int chunk) {
            return Math.min(chunkColumns, n - firstColumn(chunk));
        }

        PackedLayout layout(int chunk) {
            return columns(chunk) == chunkColumns ? layout : lastLayout;
        }

        long address(int chunk) {
            return address + chunk * chunkBytes;
        }

        /** Packs the weights at an address. */
        private void pack(long from, Workers workers) {
            source = from;
            workers.run(numChunks(), this);
        }

        @Override
        public void run(int chunk, int worker) {
            PackedLayout of = layout(chunk);
            of.pack(worker, source + firstColumn(chunk) * of.columnBytes(), address(chunk));
        }
    }

    PackedWeights(Memory memory, Workers workers, Matmuls matmuls) {
        this.memory = memory;
        this.workers = workers;
        this.matmuls = matmuls;
        type = matmuls.productType();
    }

    /** The extent of a chunk of n: as few chunks as may be, about alike. */
    static int chunk(int n, int most) {
        int chunks = (n + most - 1) / most;
        int extent = (n + chunks - 1) / chunks;
        return Math.min(n, (extent + UNIT - 1) / UNIT * UNIT);
    }

    /** Weights [O, I] as the right matrix [I, O] of {@code x·weightᵀ}. */
    Packed transposed(CpuTensor weightOI) {
        return packed(weightOI, true);
    }

    /** Weights [O, I] as the right matrix [O, I] of {@code dy·weight}. */
    Packed straight(CpuTensor weightOI) {
        return packed(weightOI, false);
    }

    private Packed packed(CpuTensor weight, boolean transposed) {
        CpuTensor.Lifetime lifetime = weight.lifetime();
        if (!lifetime.lasting) {
            Packed fresh = layOut(weight, transposed, false);
            pack(weight, fresh);
            return fresh;
        }
        Key key = new Key(weight.address(), weight.dim(0), weight.dim(1), transposed);
        Packed packed = kept.get(key);
        if (packed == null) {
            packed = layOut(weight, transposed, true);
            kept.put(key, packed);
        }
        if (packed.changes != lifetime.changes()) {
            pack(weight, packed);
            packed.changes = lifetime.changes();
        }
        return packed;
    }

    private Packed layOut(CpuTensor weight, boolean transposed, boolean lasting) {
        int out = weight.dim(0);
        int in = weight.dim(1);
        int k = transposed ? in : out;
        int n = transposed ? out : in;
        int columns = chunk(n, MAX_COLUMNS);
        int chunks = (n + columns - 1) / columns;
        int last = n - (chunks - 1) * columns;
        PackedLayout layout = matmuls.layout(shape(k, columns, in, transposed));
        PackedLayout lastLayout = matmuls.layout(shape(k, last, in, transposed));
        long bytes = (chunks - 1) * Memory.wholeLines(layout.bytes()) + Memory.wholeLines(lastLayout.bytes());
        long address = lasting ? memory.allocateLasting(bytes) : memory.reserve(bytes);
        return new Packed(k, n, columns, layout, lastLayout, address);
    }

    private PackedLayout.Shape shape(int k, int columns, int in, boolean transposed) {
        return transposed
                ? new PackedLayout.Shape(k, columns, 1, in, type)
                : new PackedLayout.Shape(k, columns, in, 1, type);
    }

    private void pack(CpuTensor weight, Packed into) {
        if (weight.dtype() == type) {
            into.pack(weight.address(), workers);
            return;
        }
        long mark = memory.mark();
        int in = weight.dim(1);
        long converted = memory.reserve(weight.size() * type.bytes());
        workers.run(weight.dim(0), (row, _) -> {
            long to = converted + (long) row * in * type.bytes();
            Vectors.copy(weight.address((long) row * in), weight.dtype(), to, type, in);
        });
        into.pack(converted, workers);
        memory.release(mark);
    }
}
