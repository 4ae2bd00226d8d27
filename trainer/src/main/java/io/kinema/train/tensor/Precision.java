package io.kinema.train.tensor;

import io.kinema.data.command.ConfigException;

/** What models are trained in, {@code --precision}. */
public enum Precision {
    /** Everything in fp32. */
    FP32(DType.FP32),
    /**
     * Mixed (Micikevicius et al., 1710.03740, with bf16 for half): weights to multiply by, and activations, are bf16;
     * master weights, gradients, sums, softmax, norms and loss are fp32.
     */
    BF16(DType.BF16),
    /**
     * As {@link #BF16}, with fp16 for bf16 and dynamic loss scaling: fp16 ends at 65,504 and has nothing between 0 and
     * 6e-8.
     */
    FP16(DType.FP16);

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
            case "fp16" -> FP16;
            default ->
                throw new ConfigException("--precision " + name
                        + " is not known; use bf16 or fp32, or fp16 with --device nd4j on an NVIDIA card");
        };
    }

    /**
     * Says that a device does not go with {@link #FP16}.
     *
     * @return what to throw
     */
    public static ConfigException withoutHalfProducts() {
        return new ConfigException("--precision fp16 needs half products, which CPUs do not have (ND4J's reach about 1"
                + " GFLOP/s there); use --precision fp32, bf16 with --device cpu, or --device nd4j built with -Pcuda on"
                + " an NVIDIA card");
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
            case FP16 -> "fp16";
        };
    }

    /**
     * Returns whether gradients are computed of a scaled loss, so that small ones do not become 0.
     *
     * @return whether training keeps a loss scale
     */
    public boolean scalesLoss() {
        return this == FP16;
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
