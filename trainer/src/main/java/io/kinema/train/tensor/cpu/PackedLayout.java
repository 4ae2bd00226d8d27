package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;

/** The layout that oneDNN chose for right matrices of one shape, and the way there. */
final class PackedLayout {
    /** The rows for which the library chooses; other numbers of rows are multiplied with the same layout. */
    private static final int TYPICAL_ROWS = 128;

    private final Shape shape;
    private final long description;
    private final long bytes;
    private final Primitive pack;

    /**
     * A right matrix before it is packed.
     *
     * @param k rows
     * @param n columns
     * @param row from row to row, in elements
     * @param column from column to column, in elements
     * @param type of the elements
     */
    record Shape(int k, int n, long row, long column, DType type) {}

    PackedLayout(Shape shape, Memory memory, int numWorkers) {
        this.shape = shape;
        long a = OneDnn.matrix(shape.type, TYPICAL_ROWS, shape.k, shape.k, 1);
        long c = OneDnn.matrix(DType.FP32, TYPICAL_ROWS, shape.n, shape.n, 1);
        long bias = OneDnn.matrix(DType.FP32, 1, shape.n, shape.n, 1);
        long plan = OneDnn.matmul(a, OneDnn.anyMatrix(shape.type, shape.k, shape.n), bias, c, false);
        description = OneDnn.weightsOf(plan);
        bytes = OneDnn.bytesOf(description);
        long from = OneDnn.matrix(shape.type, shape.k, shape.n, shape.row, shape.column);
        pack = new Primitive(
                OneDnn.reorder(from, description),
                new int[] {OneDnn.ARG_SRC, OneDnn.ARG_DST},
                new long[] {from, description},
                memory,
                numWorkers);
    }

    int k() {
        return shape.k;
    }

    int n() {
        return shape.n;
    }

    DType type() {
        return shape.type;
    }

    long description() {
        return description;
    }

    /** From column to column of a matrix before it is packed. */
    long columnBytes() {
        return shape.column * shape.type.bytes();
    }

    /** The size of a packed matrix. */
    long bytes() {
        return bytes;
    }

    /** Packs what stands at an address. */
    void pack(int worker, long from, long to) {
        pack.run(worker, from, to);
    }
}
