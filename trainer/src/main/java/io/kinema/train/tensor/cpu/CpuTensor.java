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
    private final int[] shape;
    private final long size;

    CpuTensor(Lifetime lifetime, long address, DType type, int[] shape) {
        this.lifetime = lifetime;
        this.address = address;
        this.type = type;
        this.shape = shape;
        this.size = Shapes.sizeOf(shape);
    }

    /** A tensor of this shape elsewhere. */
    CpuTensor like(Lifetime otherLifetime, long otherAddress, DType otherType) {
        return new CpuTensor(otherLifetime, otherAddress, otherType, shape);
    }

    CpuTensor part(long first, int[] partShape) {
        Shapes.requirePart(shape, first, partShape);
        return new CpuTensor(lifetime, address + first * type.bytes(), type, partShape);
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
        return shape[shape.length - 1];
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

    @Override
    public int[] shape() {
        return shape.clone();
    }

    @Override
    public int rank() {
        return shape.length;
    }

    @Override
    public int dim(int axis) {
        return shape[axis];
    }

    @Override
    public long size() {
        return size;
    }
}
