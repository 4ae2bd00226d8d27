package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;

/** A product of matrices of fixed shapes: {@code C[m, n] = A[m, k]·B[k, n]}, or added to what C holds. */
final class Matmul {
    private static final int[] ARGUMENTS = {OneDnn.ARG_SRC, OneDnn.ARG_WEIGHTS, OneDnn.ARG_DST};
    private static final int[] ARGUMENTS_WITH_BIAS = {
        OneDnn.ARG_SRC, OneDnn.ARG_WEIGHTS, OneDnn.ARG_DST, OneDnn.ARG_BIAS
    };

    private final Primitive primitive;

    /**
     * Shapes and strides, the latter in elements. C is FP32, its columns one element apart.
     *
     * @param m rows of A and C
     * @param n columns of B and C
     * @param k columns of A, rows of B
     * @param type of A and B
     * @param aRow from row to row of A
     * @param aColumn from column to column of A
     * @param bRow from row to row of B
     * @param bColumn from column to column of B
     * @param cRow from row to row of C
     * @param accumulate whether the product is added to C
     */
    record Shape(
            int m,
            int n,
            int k,
            DType type,
            long aRow,
            long aColumn,
            long bRow,
            long bColumn,
            long cRow,
            boolean accumulate) {}

    Matmul(Shape shape, Memory memory, int numWorkers) {
        long a = OneDnn.matrix(shape.type, shape.m, shape.k, shape.aRow, shape.aColumn);
        long b = OneDnn.matrix(shape.type, shape.k, shape.n, shape.bRow, shape.bColumn);
        long c = OneDnn.matrix(DType.FP32, shape.m, shape.n, shape.cRow, 1);
        long plan = OneDnn.matmul(a, b, 0, c, shape.accumulate);
        primitive = new Primitive(plan, ARGUMENTS, new long[] {a, b, c}, memory, numWorkers);
    }

    /** A product with a packed B and a bias. */
    Matmul(PackedLayout b, int m, long aRow, long cRow, DType cType, Memory memory, int numWorkers) {
        long a = OneDnn.matrix(b.type(), m, b.k(), aRow, 1);
        long c = OneDnn.matrix(cType, m, b.n(), cRow, 1);
        long bias = OneDnn.matrix(DType.FP32, 1, b.n(), b.n(), 1);
        long plan = OneDnn.matmul(a, b.description(), bias, c, false);
        primitive =
                new Primitive(plan, ARGUMENTS_WITH_BIAS, new long[] {a, b.description(), c, bias}, memory, numWorkers);
    }

    /** Multiplies what stands at these addresses. */
    void run(int worker, long a, long b, long c) {
        primitive.run(worker, a, b, c);
    }

    /** Multiplies and adds a bias [n] to every row. */
    void run(int worker, long a, long b, long c, long bias) {
        primitive.run(worker, a, b, c, bias);
    }
}
