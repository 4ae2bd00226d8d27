package io.kinema.train.tensor.nd4j;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.UUID;
import java.util.function.IntToDoubleFunction;
import org.nd4j.linalg.api.buffer.DataBuffer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.concurrency.AffinityManager.Location;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.memory.conf.WorkspaceConfiguration;
import org.nd4j.linalg.api.memory.enums.AllocationPolicy;
import org.nd4j.linalg.api.memory.enums.LearningPolicy;
import org.nd4j.linalg.api.memory.enums.ResetPolicy;
import org.nd4j.linalg.api.memory.enums.SpillPolicy;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Owns all memory of a device: one ND4J workspace for each depth of scopes, one for the temporaries of the operation in
 * progress, and the tensors that were allocated outside any scope.
 *
 * <p>A workspace is one block that is used from the start again each time its scope is entered. It grows to the largest
 * scope seen: what does not fit is allocated beside it and freed when the scope closes, and the block is then replaced
 * by one that is large enough.
 */
final class Nd4jMemory implements AutoCloseable {
    private static final WorkspaceConfiguration GROWING = WorkspaceConfiguration.builder()
            .initialSize(0)
            .policyAllocation(AllocationPolicy.STRICT)
            .policyLearning(LearningPolicy.FIRST_LOOP)
            .policySpill(SpillPolicy.REALLOCATE)
            .policyReset(ResetPolicy.BLOCK_LEFT)
            .build();

    private final DType dtype;
    private final DataType dataType;
    private final String name = "kinema-" + UUID.randomUUID();
    private final Nd4jTensor.Lifetime deviceLifetime = new Nd4jTensor.Lifetime(this);
    private final List<INDArray> unscoped = new ArrayList<>();
    private final List<MemoryWorkspace> workspaceOfDepth = new ArrayList<>();
    private final Deque<OpenScope> scopes = new ArrayDeque<>();
    private final MemoryWorkspace scratch;
    private INDArray ones;
    private boolean closed;

    Nd4jMemory(DType dtype) {
        this.dtype = dtype;
        this.dataType = dataType(dtype);
        this.scratch = Nd4j.getWorkspaceManager().createNewWorkspace(GROWING, name + "-scratch");
        this.ones = detached(dataType, 1, 1024).assign(1);
    }

    private static DataType dataType(DType type) {
        return switch (type) {
            case FP16 -> DataType.FLOAT16;
            case FP32 -> DataType.FLOAT;
            case FP64 -> DataType.DOUBLE;
            case BF16 -> throw new IllegalArgumentException("the nd4j device has no tensors of " + type);
        };
    }

    private final class OpenScope implements Device.Scope {
        private final Nd4jTensor.Lifetime lifetime = new Nd4jTensor.Lifetime(Nd4jMemory.this);
        private final MemoryWorkspace workspace;
        private boolean open = true;

        OpenScope(MemoryWorkspace workspace) {
            this.workspace = workspace;
            workspace.notifyScopeEntered();
        }

        @Override
        public void close() {
            if (!open) {
                return;
            }
            if (scopes.peek() != this) {
                throw new IllegalStateException("a scope was closed while one inside it is open");
            }
            open = false;
            lifetime.end();
            scopes.pop();
            workspace.close();
        }
    }

    /** Temporaries of one operation, freed when it ends. Results are allocated before it is opened. */
    final class Scratch implements AutoCloseable {
        private Scratch() {
            scratch.notifyScopeEntered();
        }

        /** A matrix of undefined content. */
        INDArray matrix(long numRows, long numColumns) {
            return Nd4j.createUninitialized(dataType, new long[] {numRows, numColumns}, 'c');
        }

        /** A stack of matrices of undefined content. */
        INDArray stack(long... extents) {
            return Nd4j.createUninitialized(dataType, extents, 'c');
        }

        /** A matrix of undefined content, of the shape of another. */
        INDArray like(INDArray other) {
            return Nd4j.createUninitialized(dataType, other.shape(), 'c');
        }

        /** A column with a value for each row, that of the row's segment. */
        INDArray column(IntToDoubleFunction valueOfSegment, Segments segments) {
            double[] values = new double[segments.total()];
            for (int s = 0; s < segments.count(); s++) {
                Arrays.fill(values, segments.offset(s), segments.offset(s + 1), valueOfSegment.applyAsDouble(s));
            }
            return filled(values, values.length, 1);
        }

        /** A matrix with the given elements. */
        INDArray filled(double[] values, long numRows, long numColumns) {
            INDArray matrix = matrix(numRows, numColumns);
            fill(matrix, values);
            return matrix;
        }

        /** Repeats each segment's row for all of the segment's tokens: [S, D] to [L, D]. */
        INDArray expanded(INDArray rowsSD, Segments segments) {
            int[] segmentOfRow = segments.copies().of(Nd4jMemory.this, int[].class, () -> segmentOfRow(segments));
            INDArray out = matrix(segments.total(), rowsSD.columns());
            Nd4jMath.gather(rowsSD, Nd4j.createFromArray(segmentOfRow), out);
            return out;
        }

        private static int[] segmentOfRow(Segments segments) {
            int[] segmentOfRow = new int[segments.total()];
            for (int s = 0; s < segments.count(); s++) {
                Arrays.fill(segmentOfRow, segments.offset(s), segments.offset(s + 1), s);
            }
            return segmentOfRow;
        }

        /** The squares of all elements in float64. */
        INDArray squaredInDouble(INDArray values) {
            INDArray wide = dtype == DType.FP64 ? values : values.castTo(DataType.DOUBLE);
            INDArray squares = dtype == DType.FP64 ? like(values) : wide;
            Nd4jMath.square(wide, squares);
            return squares;
        }

        @Override
        public void close() {
            scratch.close();
        }
    }

    /** The type of temporaries, and of tensors where no other is asked for. */
    DType dtype() {
        return dtype;
    }

    Device.Scope openScope() {
        requireOpen();
        int depth = scopes.size();
        if (depth == workspaceOfDepth.size()) {
            workspaceOfDepth.add(Nd4j.getWorkspaceManager().createNewWorkspace(GROWING, name + "-scope-" + depth));
        }
        OpenScope scope = new OpenScope(workspaceOfDepth.get(depth));
        scopes.push(scope);
        return scope;
    }

    Scratch scratch() {
        return new Scratch();
    }

    /** Allocates a tensor of {@link #dtype()} and undefined content in the innermost open scope. */
    Nd4jTensor allocate(int... shape) {
        return allocate(dtype, shape);
    }

    /** Allocates a tensor of undefined content in the innermost open scope. */
    Nd4jTensor allocate(DType type, int[] shape) {
        requireOpen();
        long[] extents = Nd4jTensor.rowExtents(shape);
        if (scopes.isEmpty()) {
            INDArray array = detached(dataType(type), extents);
            unscoped.add(array);
            return Nd4jTensor.whole(deviceLifetime, type, array, shape.clone());
        }
        INDArray array = Nd4j.createUninitialized(dataType(type), extents, 'c');
        return Nd4jTensor.whole(scopes.peek().lifetime, type, array, shape.clone());
    }

    /** Looks inside a tensor: the one place where a foreign or dead one is refused. */
    Nd4jTensor inside(Tensor tensor) {
        if (!(tensor instanceof Nd4jTensor own) || !own.isOf(this)) {
            throw new IllegalArgumentException("a tensor " + Shapes.text(tensor) + " of another device");
        }
        if (own.isOver()) {
            throw new IllegalStateException(
                    "the tensor " + Shapes.text(tensor) + " was used after its scope was closed");
        }
        return own;
    }

    /** A column of n ones. */
    INDArray onesColumn(long n) {
        return Nd4j.create(onesBuffer(n), new long[] {n, 1}, new long[] {1, 1}, 0, 'c');
    }

    /** A row of n ones. */
    INDArray onesRow(long n) {
        return Nd4j.create(onesBuffer(n), new long[] {1, n}, new long[] {n, 1}, 0, 'c');
    }

    private DataBuffer onesBuffer(long n) {
        if (ones.length() < n) {
            ones.close();
            ones = detached(dataType, 1, Math.max(n, 2 * ones.length())).assign(1);
        }
        return ones.data();
    }

    private static INDArray detached(DataType type, long... shape) {
        try (MemoryWorkspace _ = Nd4j.getMemoryManager().scopeOutOfWorkspaces()) {
            return Nd4j.createUninitialized(type, shape, 'c');
        }
    }

    Nd4jTensor of(MemorySegment values, int... shape) {
        Shapes.requireFilled(values, shape);
        Nd4jTensor tensor = allocate(shape);
        if (dtype == DType.FP32) {
            copyIn(tensor.rows(), values);
            return tensor;
        }
        double[] wide = new double[Math.toIntExact(tensor.size())];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = values.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
        }
        copyIn(tensor.rows(), MemorySegment.ofArray(wide));
        return tensor;
    }

    void read(Tensor from, long offset, MemorySegment to) {
        INDArray array = stretch(from, offset, to);
        Nd4j.getAffinityManager().ensureLocation(array, Location.HOST);
        to.copyFrom(hostBytes(array, to.byteSize()));
    }

    void write(Tensor to, long offset, MemorySegment from) {
        copyIn(stretch(to, offset, from), from);
    }

    /** Replaces all elements of a contiguous array. */
    void fill(INDArray array, double[] values) {
        if (dtype == DType.FP64) {
            copyIn(array, MemorySegment.ofArray(values));
            return;
        }
        float[] narrow = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            narrow[i] = (float) values[i];
        }
        copyIn(array, MemorySegment.ofArray(narrow));
    }

    private static void copyIn(INDArray array, MemorySegment from) {
        // A CUDA backend keeps a copy on each side: the host's is brought up to date, changed, and named the newest.
        Nd4j.getAffinityManager().ensureLocation(array, Location.HOST);
        hostBytes(array, from.byteSize()).copyFrom(from);
        Nd4j.getAffinityManager().tagLocation(array, Location.HOST);
    }

    private INDArray stretch(Tensor tensor, long offset, MemorySegment host) {
        Nd4jTensor own = inside(tensor);
        Shapes.requireInside(own, offset, host);
        return own.flat(offset, host.byteSize() / own.dtype().bytes());
    }

    private static MemorySegment hostBytes(INDArray array, long bytes) {
        return MemorySegment.ofAddress(array.data().addressPointer().address()).reinterpret(bytes);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the nd4j device is closed");
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        while (!scopes.isEmpty()) {
            scopes.peek().close();
        }
        closed = true;
        deviceLifetime.end();
        unscoped.forEach(INDArray::close);
        ones.close();
        workspaceOfDepth.forEach(workspace -> workspace.destroyWorkspace(true));
        scratch.destroyWorkspace(true);
    }
}
