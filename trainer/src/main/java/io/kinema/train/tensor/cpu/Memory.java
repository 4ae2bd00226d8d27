package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The memory of a device: what lasts, each allocation by itself, and the workspace, one long stretch of addresses that
 * scopes fill from the front and give back by moving its end. Pages come into being when they are first touched and
 * stay, so that a second step touches no new ones. Nothing is set to zero that need not be.
 *
 * <p>When planning, addresses are handed out that nothing stands behind, to learn how much would be needed.
 */
final class Memory implements AutoCloseable {
    private static final long ALIGNMENT = 64;
    /** Where addresses begin when planning. */
    private static final long NOWHERE = 1L << 44;

    private static final long PLANNED_BYTES = 1L << 44;

    private final boolean planning;
    private final Pages workspace;
    private final List<Pages> lasting = new ArrayList<>();
    private final List<CpuTensor.Lifetime> lifetimes = new ArrayList<>();
    private long lastingBytes;
    private long tensorBytes;
    private long end;
    private long peak;
    private WorkspaceScope innermost;
    private boolean closed;

    Memory(boolean planning) {
        this.planning = planning;
        workspace = planning ? new Pages(NOWHERE, PLANNED_BYTES) : Pages.reserve(Pages.physicalBytes());
        end = workspace.address();
        peak = end;
    }

    /** Tensors of a scope, and the end of the workspace when it was opened. */
    private final class WorkspaceScope implements Device.Scope {
        private final WorkspaceScope outer = innermost;
        private final long start = end;
        private final CpuTensor.Lifetime lifetime = new CpuTensor.Lifetime(Memory.this, false);

        @Override
        public void close() {
            if (lifetime.isOver()) {
                return;
            }
            if (innermost != this) {
                throw new IllegalStateException("a scope was closed while one inside it is open");
            }
            lifetime.end();
            innermost = outer;
            end = start;
        }
    }

    Device.Scope openScope() {
        requireOpen();
        innermost = new WorkspaceScope();
        return innermost;
    }

    /** Allocates a tensor in the innermost scope, or for good where none is open; its contents are undefined. */
    CpuTensor allocate(DType type, int... shape) {
        long address = allocateTensor(type, Shapes.sizeOf(shape));
        return new CpuTensor(lifetimeOfNew(), address, type, shape);
    }

    /** Allocates a vector, as {@link #allocate(DType, int...)} does. */
    CpuTensor allocate(DType type, long size) {
        long address = allocateTensor(type, Shapes.requireVector(size));
        return new CpuTensor(lifetimeOfNew(), address, type, size);
    }

    /** Allocates a tensor of another's shape, as {@link #allocate(DType, int...)} does. */
    CpuTensor allocateLike(DType type, CpuTensor other) {
        long address = allocateTensor(type, other.size());
        return other.like(lifetimeOfNew(), address, type);
    }

    private CpuTensor.Lifetime lifetimeOfNew() {
        if (innermost != null) {
            return innermost.lifetime;
        }
        CpuTensor.Lifetime lifetime = new CpuTensor.Lifetime(this, true);
        lifetimes.add(lifetime);
        return lifetime;
    }

    private long allocateTensor(DType type, long size) {
        requireOpen();
        long bytes = Math.multiplyExact(size, type.bytes());
        if (innermost != null) {
            return reserve(bytes);
        }
        long before = lastingBytes;
        long address = allocateLasting(bytes);
        tensorBytes += lastingBytes - before;
        return address;
    }

    /** Allocates bytes, all zero, until the device is closed. */
    long allocateLasting(long bytes) {
        Pages pages =
                planning ? new Pages(NOWHERE + PLANNED_BYTES + lastingBytes, Pages.rounded(bytes)) : Pages.map(bytes);
        lastingBytes += pages.bytes();
        lasting.add(pages);
        return pages.address();
    }

    /** So many bytes as whole cache lines, so that no two workers write to one. */
    static long wholeLines(long bytes) {
        return (bytes + ALIGNMENT - 1) & -ALIGNMENT;
    }

    /** The end of the workspace, to be given back to {@link #release}. */
    long mark() {
        return end;
    }

    /**
     * Takes bytes from the workspace, aligned to cache lines, contents undefined; they belong to the innermost scope or
     * go by {@link #release}.
     */
    long reserve(long bytes) {
        long address = wholeLines(end);
        end = address + bytes;
        peak = Math.max(peak, end);
        if (end > workspace.address() + workspace.bytes()) {
            throw new OutOfMemoryError("the workspace would need " + (end - workspace.address()) + " bytes; it has "
                    + workspace.bytes() + "; lower --tokens or use --recompute blocks");
        }
        return address;
    }

    /** Gives back what was reserved since {@link #mark}. */
    void release(long mark) {
        end = mark;
    }

    /** The tensor as one of this memory's, still alive. */
    CpuTensor inside(Tensor tensor) {
        if (!(tensor instanceof CpuTensor own) || own.lifetime().memory != this) {
            throw new IllegalArgumentException("a tensor " + Shapes.text(tensor) + " of another device");
        }
        if (own.lifetime().isOver()) {
            throw new IllegalStateException(
                    "the tensor " + Shapes.text(tensor) + " was used after its scope was closed");
        }
        return own;
    }

    boolean isPlanning() {
        return planning;
    }

    /** Of {@link #lastingBytes}, those of tensors. */
    long tensorBytes() {
        return tensorBytes;
    }

    /** Bytes of all that lasts. */
    long lastingBytes() {
        return lastingBytes;
    }

    /** The most bytes that the workspace has held. */
    long workspacePeakBytes() {
        return peak - workspace.address();
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the cpu device is closed");
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        lifetimes.forEach(CpuTensor.Lifetime::end);
        for (WorkspaceScope scope = innermost; scope != null; scope = scope.outer) {
            scope.lifetime.end();
        }
        if (!planning) {
            lasting.forEach(Pages::unmap);
            workspace.unmap();
        }
    }
}
