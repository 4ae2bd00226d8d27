package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/**
 * The rows of the heads of a tensor [L, N, K]. Products want those of one head side by side, padded with rows of zeros:
 * they are copied ("packed"), so that what stands next to a segment is never read.
 *
 * @param address of the first head's first element
 * @param type of the elements
 * @param stride elements from row to row, N·K
 * @param width K
 * @param packedType what packed rows are made of
 */
record HeadRows(long address, DType type, int stride, int width, DType packedType) {
    /** Both sides of a block that is transposed at once: small enough for the first cache. */
    private static final int BLOCK = 16;

    private static final ValueLayout.OfShort BITS = ValueLayout.JAVA_SHORT_UNALIGNED;

    static HeadRows of(CpuTensor xLNK, DType packedType) {
        int width = xLNK.dim(2);
        return new HeadRows(xLNK.address(), xLNK.dtype(), xLNK.dim(1) * width, width, packedType);
    }

    /** Where a row of a head is. */
    long at(int head, int row) {
        return address + ((long) row * stride + (long) head * width) * type.bytes();
    }

    /**
     * Packs rows.
     *
     * @param head whose
     * @param first the first of them
     * @param rows how many
     * @param padded how many with the zeros after them
     * @param target where to, [padded, K]
     */
    void pack(int head, int first, int rows, int padded, long target) {
        long rowBytes = (long) width * packedType.bytes();
        for (int row = 0; row < rows; row++) {
            copy(at(head, first + row), type, target + row * rowBytes, packedType, width);
        }
        if (padded > rows) {
            Vectors.zero(target + rows * rowBytes, (padded - rows) * rowBytes);
        }
    }

    /**
     * Writes FP32 rows back.
     *
     * @param head whose
     * @param first where the first goes
     * @param rows how many
     * @param source the rows [rows, K]
     */
    void write(int head, int first, int rows, long source) {
        for (int row = 0; row < rows; row++) {
            copy(source + 4L * row * width, DType.FP32, at(head, first + row), type, width);
        }
    }

    /** Multiplies n floats by a factor. */
    static void scale(long x, float factor, int n) {
        FloatVector factors = FloatVector.broadcast(Vectors.FLOATS, factor);
        int i = 0;
        for (; i <= n - Vectors.LANES; i += Vectors.LANES) {
            Vectors.store(Vectors.load(x + 4L * i).mul(factors), x + 4L * i);
        }
        for (; i < n; i++) {
            Vectors.set(x + 4L * i, Vectors.get(x + 4L * i) * factor);
        }
    }

    private static void copy(long from, DType fromType, long to, DType toType, int n) {
        if (fromType != DType.FP32 || toType != DType.FP32) {
            Vectors.copy(from, fromType, to, toType, n);
            return;
        }
        // Rows are short: a call to copy memory would take longer.
        int i = 0;
        for (; i <= n - Vectors.LANES; i += Vectors.LANES) {
            Vectors.store(Vectors.load(from + 4L * i), to + 4L * i);
        }
        for (; i < n; i++) {
            Vectors.set(to + 4L * i, Vectors.get(from + 4L * i));
        }
    }

    /** Transposes a matrix [rows, columns] without gaps. */
    static void transpose(long from, int rows, int columns, DType type, long to) {
        for (int row = 0; row < rows; row += BLOCK) {
            for (int column = 0; column < columns; column += BLOCK) {
                int lastRow = Math.min(rows, row + BLOCK);
                int lastColumn = Math.min(columns, column + BLOCK);
                for (int c = column; c < lastColumn; c++) {
                    for (int r = row; r < lastRow; r++) {
                        long source = (long) r * columns + c;
                        long target = (long) c * rows + r;
                        if (type == DType.FP32) {
                            Vectors.set(to + 4 * target, Vectors.get(from + 4 * source));
                        } else {
                            Vectors.ALL.set(BITS, to + 2 * target, Vectors.ALL.get(BITS, from + 2 * source));
                        }
                    }
                }
            }
        }
    }
}
