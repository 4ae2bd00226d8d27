package io.kinema.train.tensor;

import java.lang.foreign.MemorySegment;

/**
 * Where a {@link Device}'s tensors live: their types, how long they last, and the way in and out. A tensor belongs to
 * the scope in which it was allocated, or to the device where none was open. Used by one thread at a time.
 */
public interface TensorMemory extends UploadMemory, AutoCloseable {

    /** Frees, on close, every tensor that was allocated since it was opened. Scopes nest. */
    interface Scope extends AutoCloseable {
        @Override
        void close();
    }

    /** {@return the type of master weights, gradients, sums over many values and the residual stream} */
    DType dtype();

    /**
     * Returns the type of the weights that layers multiply by and of what they give, {@link #dtype()} unless precision
     * is mixed. Arithmetic between reading and storing elements is in {@link #dtype()} always.
     *
     * @return the type
     */
    DType workingType();

    /**
     * Opens a scope: the workspace of a step or of a microbatch.
     *
     * @return close it to free what was allocated since
     */
    Scope openScope();

    /**
     * Allocates a tensor of zeros.
     *
     * @param type {@link #dtype()} or {@link #workingType()}
     * @param shape extents, each at least 1
     * @return the tensor, owned by the innermost open scope, or by the device where none is open
     */
    Tensor zeros(DType type, int... shape);

    /**
     * Allocates a vector of zeros, which may have more elements than an {@code int} counts.
     *
     * @param type {@link #dtype()} or {@link #workingType()}
     * @param size elements, at least 1
     * @return the vector, owned as that of {@link #zeros(DType, int...)}
     * @throws IllegalArgumentException where the device has no vectors of this size
     */
    Tensor zeros(DType type, long size);

    /**
     * Allocates a vector of zeros of {@link #dtype()}.
     *
     * @param size elements, at least 1
     * @return the vector, owned as that of {@link #zeros(DType, int...)}
     * @throws IllegalArgumentException where the device has no vectors of this size
     */
    default Tensor zeros(long size) {
        return zeros(dtype(), size);
    }

    /**
     * Allocates a tensor of zeros of {@link #dtype()}.
     *
     * @param shape extents, each at least 1
     * @return the tensor, owned by the innermost open scope, or by the device where none is open
     */
    default Tensor zeros(int... shape) {
        return zeros(dtype(), shape);
    }

    /**
     * Allocates a tensor and fills it.
     *
     * @param values row-major, as many as the shape holds; rounded or widened to {@link #dtype()}
     * @param shape extents
     * @return the tensor, owned as that of {@link #zeros}
     */
    default Tensor of(float[] values, int... shape) {
        return of(MemorySegment.ofArray(values), shape);
    }

    /**
     * Allocates a tensor and fills it.
     *
     * @param values fp32, native byte order, row-major, as many as the shape holds; rounded or widened to
     *     {@link #dtype()}
     * @param shape extents
     * @return the tensor, owned as that of {@link #zeros}
     */
    Tensor of(MemorySegment values, int... shape);

    /**
     * Allocates a tensor and begins to fill it from a buffer, which must not change before
     * {@link UploadBuffer#awaitFree} returns.
     *
     * @param from this device's or any other's buffer
     * @param first the first of its values to copy
     * @param shape extents; as many values follow each other in the buffer; rounded or widened to {@link #dtype()}
     * @return the tensor, owned as that of {@link #zeros}
     */
    Tensor of(UploadBuffer from, long first, int... shape);

    /**
     * Allocates scalars, all 0.
     *
     * @param count how many, at least 1
     * @return the scalars, owned as the tensor of {@link #zeros}
     */
    Scalars scalars(int count);

    /**
     * Waits for the operations that give scalars, and copies them to the host.
     *
     * @param scalars of this device
     * @return their values
     */
    double[] read(Scalars scalars);

    /**
     * Names a contiguous part of a tensor; both share their elements.
     *
     * @param tensor the whole
     * @param offset its first element, counted in the flattened whole
     * @param shape extents of the part
     * @return the part, which lives as long as the whole
     */
    Tensor view(Tensor tensor, long offset, int... shape);

    /**
     * Names a contiguous part of a tensor as a vector; both share their elements.
     *
     * @param tensor the whole
     * @param offset its first element, counted in the flattened whole
     * @param size elements of the part, at least 1
     * @return the part, which lives as long as the whole
     */
    Tensor view(Tensor tensor, long offset, long size);

    /**
     * Names the end of the operations that were begun so far and read or write some tensors, a group of parameters for
     * example. The thread that computes does not wait. Another thread that has waited may {@link #read(Tensor, long,
     * MemorySegment)} and {@link #write} these tensors, as long as no further operation takes them; when its call
     * returns, the elements have been copied, and operations that begin afterwards see them. Other tensors may be
     * computed with meanwhile.
     *
     * <p>A device that computes at once returns {@link Completion#DONE}. A device with a queue records an event.
     *
     * @param tensors of this device
     * @return what to wait for
     */
    Completion completion(Tensor... tensors);

    /**
     * Copies elements from the device to the host. On the thread that computes, the call waits for the operations that
     * give the tensor; other threads wait for a {@link #completion} first.
     *
     * @param from the tensor
     * @param offset the first element to copy
     * @param to as many elements of the tensor's type, native byte order, as it has room for
     */
    void read(Tensor from, long offset, MemorySegment to);

    /**
     * Copies elements from the host to the device.
     *
     * @param to the tensor
     * @param offset the first element to replace
     * @param from elements of the tensor's type, native byte order
     */
    void write(Tensor to, long offset, MemorySegment from);

    /**
     * Sets every element to 0.
     *
     * @param tensor is overwritten
     */
    void zero(Tensor tensor);

    /**
     * Copies all elements, rounding where the target's type is narrower.
     *
     * @param into is overwritten
     * @param from the same number of elements
     */
    void copy(Tensor into, Tensor from);

    /**
     * Cuts rows into heads.
     *
     * @param xLD rows [L, D]
     * @param headWidth K
     * @return a view [L, N, K]
     */
    default Tensor headsOf(Tensor xLD, int headWidth) {
        return view(xLD, 0, xLD.dim(0), xLD.dim(1) / headWidth, headWidth);
    }

    /**
     * Lays heads side by side.
     *
     * @param xLNK heads [L, N, K]
     * @return a view [L, D]
     */
    default Tensor rowsOf(Tensor xLNK) {
        return view(xLNK, 0, xLNK.dim(0), xLNK.dim(1) * xLNK.dim(2));
    }

    /** Frees everything that is still alive. Closing twice does nothing. */
    @Override
    void close();
}
