package io.kinema.train.tensor;

/**
 * A contiguous row-major array that lives on a {@link Device}, which alone can look inside.
 *
 * <p>A tensor that was allocated while a {@link Device.Scope} was open dies with that scope; any other lives until its
 * device is closed.
 */
public interface Tensor {

    /**
     * Returns the extents, outermost first. A vector of more elements than an {@code int} counts has a {@link #size()}
     * only.
     *
     * @return a fresh array, all extents at least 1
     * @throws IllegalStateException of a vector that is too long
     */
    int[] shape();

    /**
     * Returns the type of the elements.
     *
     * @return the type
     */
    DType dtype();

    /**
     * Returns the number of elements.
     *
     * @return the product of the extents
     */
    long size();

    /**
     * Returns the number of extents.
     *
     * @return at least 1
     */
    default int rank() {
        return shape().length;
    }

    /**
     * Returns one extent.
     *
     * @param axis which, from 0 at the outermost
     * @return that extent
     * @throws IllegalStateException of a vector that is too long
     */
    default int dim(int axis) {
        return shape()[axis];
    }
}
