package io.kinema.train.tensor.nd4j;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import org.nd4j.linalg.api.buffer.DataBuffer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A contiguous stretch of an ND4J buffer, with the lifetime of the scope that allocated it. */
final class Nd4jTensor implements Tensor {
    /** How long a tensor may be used: until its scope, or its device, is closed. */
    static final class Lifetime {
        private final Nd4jMemory memory;
        private boolean over;

        Lifetime(Nd4jMemory memory) {
            this.memory = memory;
        }

        void end() {
            over = true;
        }
    }

    private final Lifetime lifetime;
    private final DType dtype;
    private final DataBuffer root;
    private final long offset;
    private final int[] shape;
    private final long size;

    /**
     * Made when first asked for: many a tensor is only ever looked at in another form, and a view costs as much as a
     * sum.
     */
    private INDArray rows;

    /** @param offset the first element, counted from the start of the root buffer */
    private Nd4jTensor(Lifetime lifetime, DType dtype, DataBuffer root, long offset, int[] shape) {
        this.lifetime = lifetime;
        this.dtype = dtype;
        this.root = root;
        this.offset = offset;
        this.shape = shape;
        this.size = Shapes.sizeOf(shape);
    }

    /** Wraps all of a fresh array of the extents {@link #rowExtents}. */
    static Nd4jTensor whole(Lifetime lifetime, DType dtype, INDArray array, int[] shape) {
        Nd4jTensor tensor = new Nd4jTensor(lifetime, dtype, array.data(), 0, shape);
        tensor.rows = array;
        return tensor;
    }

    /** The extents of a vector. */
    static int[] vector(long size) {
        if (size > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "a vector of " + size + " elements is too long for the device nd4j, whose " + "longest has "
                            + Integer.MAX_VALUE + "; use --device cpu");
        }
        return new int[] {(int) size};
    }

    /** The extents of {@link #rows}. */
    static long[] rowExtents(int[] shape) {
        long size = Shapes.sizeOf(shape);
        int last = shape[shape.length - 1];
        return new long[] {size / last, last};
    }

    Nd4jTensor part(long first, int[] partShape) {
        Nd4jTensor part = new Nd4jTensor(lifetime, dtype, root, offset + first, partShape);
        Shapes.requirePart(this, first, part);
        return part;
    }

    boolean isOf(Nd4jMemory memory) {
        return lifetime.memory == memory;
    }

    boolean isOver() {
        return lifetime.over;
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    @Override
    public int[] shape() {
        return shape.clone();
    }

    @Override
    public int dim(int axis) {
        return shape[axis];
    }

    @Override
    public long size() {
        return size;
    }

    /** The whole as a matrix of rows of the last extent; a vector is one row. */
    INDArray rows() {
        if (rows == null) {
            long[] extents = rowExtents(shape);
            rows = strided(0, extents, new long[] {extents[1], 1});
        }
        return rows;
    }

    /** Consecutive rows of {@link #rows}. */
    INDArray rows(int first, int count) {
        long last = shape[shape.length - 1];
        return strided(first * last, new long[] {count, last}, new long[] {last, 1});
    }

    /** A matrix over all elements, for operations to which the grouping into rows is all one. */
    INDArray matrix(long numRows, long numColumns) {
        return strided(0, new long[] {numRows, numColumns}, new long[] {numColumns, 1});
    }

    /** Consecutive elements as one row. */
    INDArray flat(long first, long count) {
        return strided(first, new long[] {1, count}, new long[] {count, 1});
    }

    /** Any regular view, its first element counted from this tensor's. */
    INDArray strided(long first, long[] extents, long[] strides) {
        return Nd4j.create(root, extents, strides, offset + first, 'c');
    }
}
