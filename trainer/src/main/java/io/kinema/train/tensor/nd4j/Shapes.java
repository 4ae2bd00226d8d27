package io.kinema.train.tensor.nd4j;

import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;
import java.util.Arrays;

/** Checks of operands' shapes; what does not fit is named with both shapes. */
final class Shapes {
    private Shapes() {}

    static String text(int... shape) {
        return Arrays.toString(shape);
    }

    /** Requires exactly these extents. */
    static void require(String name, Tensor tensor, int... expected) {
        if (!Arrays.equals(tensor.shape(), expected)) {
            throw new IllegalArgumentException(
                    name + " has shape " + text(tensor.shape()) + " where " + text(expected) + " is needed");
        }
    }

    static void requireSame(String name, Tensor tensor, String otherName, Tensor other) {
        if (!Arrays.equals(tensor.shape(), other.shape())) {
            throw new IllegalArgumentException(name + " has shape " + text(tensor.shape()) + " but " + otherName
                    + " has shape " + text(other.shape()));
        }
    }

    static void requireSameSize(String name, Tensor tensor, String otherName, Tensor other) {
        if (tensor.size() != other.size()) {
            throw new IllegalArgumentException(name + " " + text(tensor.shape()) + " has " + tensor.size()
                    + " elements but " + otherName + " " + text(other.shape()) + " has " + other.size());
        }
    }

    static void requireRank(String name, Tensor tensor, int rank) {
        if (tensor.shape().length != rank) {
            throw new IllegalArgumentException(
                    name + " has shape " + text(tensor.shape()) + " where " + rank + " extents are needed");
        }
    }

    /** Requires a matrix with as many rows as the table. */
    static void requireRows(String name, Tensor tensor, Segments segments) {
        requireRank(name, tensor, 2);
        if (tensor.dim(0) != segments.total()) {
            throw new IllegalArgumentException(name + " has shape " + text(tensor.shape()) + " but the segments hold "
                    + segments.total() + " rows: " + segments);
        }
    }
}
