package io.kinema.train.tensor;

import java.util.Arrays;

/** Checks of operands' shapes; what does not fit is named with both shapes. */
public final class Shapes {
    private Shapes() {}

    /**
     * Writes extents.
     *
     * @param shape extents
     * @return as in {@code [3, 4]}
     */
    public static String text(int... shape) {
        return Arrays.toString(shape);
    }

    /**
     * Requires exactly these extents.
     *
     * @param name of the operand, for the message
     * @param tensor the operand
     * @param expected its extents
     */
    public static void require(String name, Tensor tensor, int... expected) {
        if (!Arrays.equals(tensor.shape(), expected)) {
            throw new IllegalArgumentException(
                    name + " has shape " + text(tensor.shape()) + " where " + text(expected) + " is needed");
        }
    }

    /**
     * Requires equal extents.
     *
     * @param name of one operand
     * @param tensor the one
     * @param otherName of the other
     * @param other the other
     */
    public static void requireSame(String name, Tensor tensor, String otherName, Tensor other) {
        if (!Arrays.equals(tensor.shape(), other.shape())) {
            throw new IllegalArgumentException(name + " has shape " + text(tensor.shape()) + " but " + otherName
                    + " has shape " + text(other.shape()));
        }
    }

    /**
     * Requires as many elements.
     *
     * @param name of one operand
     * @param tensor the one
     * @param otherName of the other
     * @param other the other
     */
    public static void requireSameSize(String name, Tensor tensor, String otherName, Tensor other) {
        if (tensor.size() != other.size()) {
            throw new IllegalArgumentException(name + " " + text(tensor.shape()) + " has " + tensor.size()
                    + " elements but " + otherName + " " + text(other.shape()) + " has " + other.size());
        }
    }

    /**
     * Requires a number of extents.
     *
     * @param name of the operand
     * @param tensor the operand
     * @param rank how many extents
     */
    public static void requireRank(String name, Tensor tensor, int rank) {
        if (tensor.shape().length != rank) {
            throw new IllegalArgumentException(
                    name + " has shape " + text(tensor.shape()) + " where " + rank + " extents are needed");
        }
    }

    /**
     * Requires a matrix with as many rows as the table.
     *
     * @param name of the operand
     * @param tensor the operand [L, …]
     * @param segments the table of L
     */
    public static void requireRows(String name, Tensor tensor, Segments segments) {
        requireRank(name, tensor, 2);
        if (tensor.dim(0) != segments.total()) {
            throw new IllegalArgumentException(name + " has shape " + text(tensor.shape()) + " but the segments hold "
                    + segments.total() + " rows: " + segments);
        }
    }
}
