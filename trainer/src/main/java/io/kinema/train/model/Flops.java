package io.kinema.train.model;

/**
 * Counts the multiplications and additions of the matrix products that a model's mathematics asks for, from shapes. All
 * else is left out, as is usual, and so is what is computed twice: what {@link Recompute} does again, and attention's
 * scores in its backward.
 */
public final class Flops {
    /** A multiplication and an addition. */
    private static final double MULTIPLY_ADD = 2;

    /** Backward makes two products for each of forward's: for the gradient of the weights, and of the input. */
    private static final double FORWARD_AND_BACKWARD = 3;

    private static final int TIME_FEATURES = 256;
    private static final int MODULATIONS = 6;
    private static final int FINAL_MODULATIONS = 2;

    private Flops() {}

    /**
     * Counts a training pass over a packed microbatch.
     *
     * @param config the model
     * @param packing the clips
     * @return floating point operations, forward and backward
     */
    public static double training(DitConfig config, Packing packing) {
        double d = config.width();
        double patch = config.tokens().values();
        double inputsWithoutGradient =
                packing.tokens().total() * patch * d + packing.modulation().count() * TIME_FEATURES * d;
        return FORWARD_AND_BACKWARD * forward(config, packing) - MULTIPLY_ADD * inputsWithoutGradient;
    }

    /**
     * Counts a pass that predicts and does not learn.
     *
     * @param config the model
     * @param packing the clips
     * @return floating point operations
     */
    public static double forward(DitConfig config, Packing packing) {
        double d = config.width();
        double e = config.captionWidth();
        double patch = config.tokens().values();
        double perToken = 2 * patch * d + config.depth() * (blockMatrices(d) + 2 * d * d);
        double perCaptionByte = config.captionDepth() * blockMatrices(e) + config.depth() * 2 * d * e;
        double perModulation = TIME_FEATURES * d + d * d + (config.depth() * MODULATIONS + FINAL_MODULATIONS) * d * d;
        double perClip = e * d;
        double self = 0;
        double cross = 0;
        double caption = 0;
        for (int s = 0; s < packing.tokens().count(); s++) {
            double tokens = packing.tokens().length(s);
            double bytes = packing.captions().length(s);
            self += tokens * tokens;
            cross += tokens * bytes;
            caption += bytes * bytes;
        }
        return MULTIPLY_ADD
                * (packing.tokens().total() * perToken
                        + packing.captions().total() * perCaptionByte
                        + packing.modulation().count() * perModulation
                        + packing.tokens().count() * perClip
                        + 2 * d * config.depth() * (self + cross)
                        + 2 * e * config.captionDepth() * caption);
    }

    /** Queries, keys, values and output (4 squares), and an MLP. */
    private static double blockMatrices(double width) {
        return (4 + 2 * DitConfig.MLP_RATIO) * width * width;
    }
}
