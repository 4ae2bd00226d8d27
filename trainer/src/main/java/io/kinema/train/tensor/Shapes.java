package io.kinema.train.tensor;

import java.lang.foreign.MemorySegment;
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
     * Writes a tensor's extents.
     *
     * @param tensor the tensor
     * @return as in {@code [3, 4]}
     */
    public static String text(Tensor tensor) {
        return tensor.rank() == 1 ? "[" + tensor.size() + "]" : text(tensor.shape());
    }

    /**
     * Requires that a vector is not empty.
     *
     * @param size elements
     * @return the same
     */
    public static long requireVector(long size) {
        if (size < 1) {
            throw new IllegalArgumentException("a vector has at least one element, not " + size);
        }
        return size;
    }

    /**
     * Returns the number of elements.
     *
     * @param shape extents, of which there must be one, each at least 1
     * @return their product
     */
    public static long sizeOf(int... shape) {
        if (shape.length == 0) {
            throw new IllegalArgumentException("a tensor has at least one extent");
        }
        long size = 1;
        for (int extent : shape) {
            if (extent < 1) {
                throw new IllegalArgumentException("shape " + text(shape) + " has an extent below 1");
            }
            size = Math.multiplyExact(size, (long) extent);
        }
        return size;
    }

    /**
     * Requires as many values as a shape holds.
     *
     * @param values fp32
     * @param shape extents
     */
    public static void requireFilled(MemorySegment values, int... shape) {
        if (values.byteSize() != Math.multiplyExact(sizeOf(shape), Float.BYTES)) {
            throw new IllegalArgumentException(
                    values.byteSize() / Float.BYTES + " values do not fill the shape " + text(shape));
        }
    }

    /**
     * Requires that a part lies within the whole.
     *
     * @param whole the whole
     * @param first element of the part
     * @param part the part
     */
    public static void requirePart(Tensor whole, long first, Tensor part) {
        if (first < 0 || part.size() > whole.size() - first) {
            throw new IllegalArgumentException(
                    "a part " + text(part) + " at element " + first + " does not lie within " + text(whole));
        }
    }

    /**
     * Requires that host memory holds elements of a tensor.
     *
     * @param tensor the tensor
     * @param offset the first element meant
     * @param host at least one element of the tensor's type, none beyond its end
     */
    public static void requireInside(Tensor tensor, long offset, MemorySegment host) {
        int bytes = tensor.dtype().bytes();
        long count = host.byteSize() / bytes;
        if (host.byteSize() % bytes != 0 || count < 1 || offset < 0 || count > tensor.size() - offset) {
            throw new IllegalArgumentException(host.byteSize() + " bytes at element " + offset
                    + " do not fit the tensor " + text(tensor) + " of " + tensor.dtype());
        }
    }

    /**
     * Requires one element a column.
     *
     * @param name of the vector
     * @param vector the vector [D]
     * @param rows what it belongs to [..., D]
     */
    public static void requireColumns(String name, Tensor vector, Tensor rows) {
        require(name, vector, rows.dim(rows.rank() - 1));
    }

    // A check makes no array unless it fails: a step makes hundreds.

    /**
     * Requires one extent.
     *
     * @param name of the operand, for the message
     * @param tensor the operand
     * @param length its extent
     */
    public static void require(String name, Tensor tensor, int length) {
        if (tensor.rank() != 1 || tensor.dim(0) != length) {
            throw misfit(name, tensor, length);
        }
    }

    /**
     * Requires two extents.
     *
     * @param name of the operand, for the message
     * @param tensor the operand
     * @param rows its first extent
     * @param columns its second
     */
    public static void require(String name, Tensor tensor, int rows, int columns) {
        if (tensor.rank() != 2 || tensor.dim(0) != rows || tensor.dim(1) != columns) {
            throw misfit(name, tensor, rows, columns);
        }
    }

    /**
     * Requires three extents.
     *
     * @param name of the operand, for the message
     * @param tensor the operand
     * @param rows its first extent
     * @param heads its second
     * @param width its third
     */
    public static void require(String name, Tensor tensor, int rows, int heads, int width) {
        if (tensor.rank() != 3 || tensor.dim(0) != rows || tensor.dim(1) != heads || tensor.dim(2) != width) {
            throw misfit(name, tensor, rows, heads, width);
        }
    }

    private static IllegalArgumentException misfit(String name, Tensor tensor, int... expected) {
        return new IllegalArgumentException(
                name + " has shape " + text(tensor) + " where " + text(expected) + " is needed");
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
        boolean isSame = tensor.rank() == other.rank();
        for (int axis = 0; isSame && axis < tensor.rank(); axis++) {
            isSame = tensor.dim(axis) == other.dim(axis);
        }
        if (!isSame) {
            throw new IllegalArgumentException(
                    name + " has shape " + text(tensor) + " but " + otherName + " has shape " + text(other));
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
            throw new IllegalArgumentException(name + " " + text(tensor) + " has " + tensor.size() + " elements but "
                    + otherName + " " + text(other) + " has " + other.size());
        }
    }

    /**
     * Requires that blocks divide a vector and that there is room for a scalar for each.
     *
     * @param vector the vector
     * @param block elements a block
     * @param each one for each block, or more
     * @param first where the first block's goes
     * @return how many blocks there are
     */
    public static int requireBlocks(Tensor vector, int block, Scalars each, int first) {
        if (block < 1 || vector.size() % block != 0) {
            throw new IllegalArgumentException("blocks of " + block + " do not divide the vector " + text(vector));
        }
        if (each.count() - first < vector.size() / block) {
            throw new IllegalArgumentException("the vector " + text(vector) + " has " + vector.size() / block
                    + " blocks of " + block + " but there is room for " + (each.count() - first));
        }
        return Math.toIntExact(vector.size() / block);
    }

    /**
     * Requires a number of extents.
     *
     * @param name of the operand
     * @param tensor the operand
     * @param rank how many extents
     */
    public static void requireRank(String name, Tensor tensor, int rank) {
        if (tensor.rank() != rank) {
            throw new IllegalArgumentException(
                    name + " has shape " + text(tensor) + " where " + rank + " extents are needed");
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
            throw new IllegalArgumentException(name + " has shape " + text(tensor) + " but the segments hold "
                    + segments.total() + " rows: " + segments);
        }
    }
}
