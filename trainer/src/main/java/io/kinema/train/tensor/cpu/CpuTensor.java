package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;

/** A contiguous stretch of a {@link Memory}. */
final class CpuTensor implements Tensor {
    /** How long memory may be used, and a count of the changes to what lasts. */
    static final class Lifetime {
        final Memory memory;
        /** Whether the memory lasts until the device is closed, rather than until a scope is. */
        final boolean lasting;

        private boolean over;
        private long changes;

        Lifetime(Memory memory, boolean lasting) {
            this.memory = memory;
            this.lasting = lasting;
        }

        void end() {
            over = true;
        }

        boolean isOver() {
            return over;
        }

        /** How often an operation has written here: what was derived from the contents is stale when this has moved. */
        long changes() {
            return changes;
        }
    }

    private final Lifetime lifetime;
    private final long address;
    private final DType type;
    /** Empty for a vector of more elements than an int counts. */
    private final int[] shape;

    private final long size;

    private CpuTensor(Lifetime lifetime, long address, DType type, int[] shape, long size) {
        this.lifetime = lifetime;
        this.address = address;
        this.type = type;
        this.shape = shape;
        this.size = size;
    }

    CpuTensor(Lifetime lifetime, long address, DType type, int[] shape) {
        this(lifetime, address, type, shape, Shapes.sizeOf(shape));
    }

    /** A vector. */
    CpuTensor(Lifetime lifetime, long address, DType type, long size) {
        this(lifetime, address, type, size > Integer.MAX_VALUE ? new int[0] : new int[] {(int) size}, size);
    }

    /** A tensor of this shape elsewhere. */
    CpuTensor like(Lifetime otherLifetime, long otherAddress, DType otherType) {
        return new CpuTensor(otherLifetime, otherAddress, otherType, shape, size);
    }

    CpuTensor part(long first, int[] partShape) {
        return inside(first, new CpuTensor(lifetime, address(first), type, partShape));
    }

    /** A part as a vector. */
    CpuTensor part(long first, long partSize) {
        return inside(first, new CpuTensor(lifetime, address(first), type, Shapes.requireVector(partSize)));
    }

    private CpuTensor inside(long first, CpuTensor part) {
        Shapes.requirePart(this, first, part);
        return part;
    }

    Lifetime lifetime() {
        return lifetime;
    }

    /** Where the first element is. */
    long address() {
        return address;
    }

    /** Where an element is. */
    long address(long element) {
        return address + element * type.bytes();
    }

    /** The last extent. */
    int columns() {
        return extents()[shape.length - 1];
    }

    /** The product of all extents but the last. */
    int rows() {
        return Math.toIntExact(size / columns());
    }

    /** Says that an operation writes here; returns this. */
    CpuTensor changed() {
        lifetime.changes++;
        return this;
    }

    @Override
    public DType dtype() {
        return type;
    }

    private int[] extents() {
        if (shape.length == 0) {
            throw new IllegalStateException("a vector of " + size + " elements has no extent that is an int");
        }
        return shape;
    }

    @Override
    public int[] shape() {
        return extents().clone();
    }

    @Override
    public int rank() {
        return Math.max(1, shape.length);
    }

    @Override
    public int dim(int axis) {
        return extents()[axis];
    }

    @Override
    public long size() {
        return size;
    }
}
