package io.kinema.train.tensor;

/** The type of a tensor's elements. */
public enum DType {
    /** The upper half of IEEE 754 binary32: what mixed precision stores activations and working weights in. */
    BF16(2),
    /** IEEE 754 binary16: the same for processors without BF16, over a range so short that the loss is scaled. */
    FP16(2),
    /** IEEE 754 binary32: what models train in. */
    FP32(4),
    /** IEEE 754 binary64: what gradients are checked in. */
    FP64(8);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /**
     * Returns the size of one element.
     *
     * @return bytes an element
     */
    public int bytes() {
        return bytes;
    }
}
