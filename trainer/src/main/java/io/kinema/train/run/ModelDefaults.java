package io.kinema.train.run;

import java.util.Map;

/**
 * The flags of a training that follow from {@code --model}, where they are left out.
 *
 * @param steps of the run
 * @param microbatches of a step
 * @param tokens the most of a microbatch; more where a clip of the data set has more
 * @param learningRate the peak
 * @param warmup steps
 * @param checkpointEvery steps between checkpoints
 */
record ModelDefaults(long steps, int microbatches, int tokens, double learningRate, long warmup, long checkpointEvery) {
    /** Where nothing is given: a run that ends while somebody watches. */
    static final String MODEL = "debug";

    private static final Map<String, ModelDefaults> NAMED = Map.of(
            MODEL,
            new ModelDefaults(400, 8, 256, 3e-3, 30, 200),
            "S",
            large(3e-4),
            "B",
            large(2e-4),
            "L",
            large(1e-4),
            "XL",
            large(1e-4));

    private static final ModelDefaults OF_A_SHAPE = new ModelDefaults(1000, 8, 4096, 3e-4, 100, 500);

    private static ModelDefaults large(double learningRate) {
        return new ModelDefaults(100_000, 32, 8192, learningRate, 1000, 1000);
    }

    /** Of a preset; or of a shape, such as 6x256x4, whatever it is. */
    static ModelDefaults of(String model) {
        return NAMED.getOrDefault(model, OF_A_SHAPE);
    }
}
