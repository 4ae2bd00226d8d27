package io.kinema.train.tensor;

import io.kinema.data.ConfigException;

/** What models are trained in, {@code --precision}. */
public enum Precision {
    /** Everything in fp32. */
    FP32(DType.FP32),
    /**
     * Mixed (Micikevicius et al., 1710.03740, with bf16 for half): weights to multiply by, and activations, are bf16; master weights, gradients, sums,
     * softmax, norms and loss are fp32.
     */
    BF16(DType.BF16);

    private final DType workingType;

    Precision(DType workingType) {
        this.workingType = workingType;
    }

    /**
     * Reads a name.
     *
     * @param name as in {@code --precision}
     * @return the precision
     * @throws ConfigException when there is none of that name
     */
    public static Precision parse(String name) {
        return switch (name) {
            case "fp32" -> FP32;
            case "bf16" -> BF16;
            case "fp16" ->
                throw new ConfigException("--precision fp16 needs half products, which neither --device cpu nor the CPU"
                        + " backend of --device nd4j has (about 1 GFLOP/s there); it is kept for --device nd4j on CUDA and"
                        + " not built yet; use bf16 or fp32");
            default -> throw new ConfigException("--precision " + name + " is not known; use bf16 or fp32");
        };
    }

    /**
     * Returns the name.
     *
     * @return as in {@code --precision}
     */
    public String flag() {
        return switch (this) {
            case FP32 -> "fp32";
            case BF16 -> "bf16";
        };
    }

    /**
     * Returns the type of working weights and activations.
     *
     * @return what {@link Device#workingType()} is
     */
    public DType workingType() {
        return workingType;
    }
}
