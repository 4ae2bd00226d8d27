package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;
import java.util.HashMap;
import java.util.Map;

/** The products of a device, each compiled once for its shape and kept. */
final class Matmuls {
    private static final int MIN_ROWS = 16;

    private final Memory memory;
    private final int numWorkers;
    private final DType productType;
    private final Map<Matmul.Shape, Matmul> plain = new HashMap<>();
    private final Map<PackedShape, Matmul> packed = new HashMap<>();
    private final Map<PackedLayout.Shape, PackedLayout> layouts = new HashMap<>();

    private record PackedShape(PackedLayout b, int m, long aRow, long cRow, DType cType) {}

    /** @param workingType of the device; BF16 is multiplied as such where the processor can */
    Matmuls(Memory memory, int numWorkers, DType workingType) {
        this.memory = memory;
        this.numWorkers = numWorkers;
        productType = workingType == DType.BF16 && OneDnn.hasNativeBf16() ? DType.BF16 : DType.FP32;
    }

    /** The type that operands are brought to before they are multiplied. */
    DType productType() {
        return productType;
    }

    /**
     * As many rows as are multiplied for so many: a power of two, at least 16, so that few products are compiled
     * however long clips are.
     */
    static int paddedRows(int rows) {
        return Math.max(MIN_ROWS, Integer.highestOneBit(2 * rows - 1));
    }

    /** Whether rows are multiplied where they are, being of the right type and number. */
    boolean isInPlace(CpuTensor x, int rows) {
        return x.dtype() == productType && paddedRows(rows) == rows;
    }

    /** Returns the product of that shape. */
    Matmul of(Matmul.Shape shape) {
        Matmul matmul = plain.get(shape);
        if (matmul == null) {
            matmul = new Matmul(shape, memory, numWorkers);
            plain.put(shape, matmul);
        }
        return matmul;
    }

    /**
     * Returns a product with a packed right matrix and a bias.
     *
     * @param b the layout of B
     * @param m rows of A and C
     * @param aRow from row to row of A, in elements
     * @param cRow from row to row of C
     * @param cType of C
     */
    Matmul of(PackedLayout b, int m, long aRow, long cRow, DType cType) {
        PackedShape shape = new PackedShape(b, m, aRow, cRow, cType);
        Matmul matmul = packed.get(shape);
        if (matmul == null) {
            matmul = new Matmul(b, m, aRow, cRow, cType, memory, numWorkers);
            packed.put(shape, matmul);
        }
        return matmul;
    }

    /** Returns the layout in which a right matrix of that shape is multiplied fastest. */
    PackedLayout layout(PackedLayout.Shape shape) {
        PackedLayout layout = layouts.get(shape);
        if (layout == null) {
            layout = new PackedLayout(shape, memory, numWorkers);
            layouts.put(shape, layout);
        }
        return layout;
    }
}
