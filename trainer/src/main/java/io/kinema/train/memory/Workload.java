package io.kinema.train.memory;

import io.kinema.data.clip.Patch;
import io.kinema.data.shard.Dataset;
import io.kinema.train.input.ClipLoader;
import io.kinema.train.input.ClipOrder;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Flops;
import io.kinema.train.model.Packing;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.RunSettings;
import io.kinema.train.run.TrainFlags;
import io.kinema.train.tensor.UploadMemory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What the steps of a training consist of, found by reading some of them: what it costs is known before it runs.
 *
 * @param model that the flags name
 * @param packings of some microbatches
 */
public record Workload(DitConfig model, List<Packing> packings) {
    /** Means over so many are within a percent of the whole where clips are of one data set. */
    private static final int LOOKED_AT = 64;

    /** Keeps its own list. */
    public Workload {
        packings = List.copyOf(packings);
    }

    /**
     * Reads the first microbatches that a training would use.
     *
     * @param args flags of {@code launch/train.sh}, with {@code --data}
     * @return their packings
     * @throws io.kinema.data.command.ConfigException on a mistake in the flags
     * @throws IOException if a shard is damaged
     */
    public static Workload of(List<String> args) throws IOException {
        TrainFlags flags = flags(args);
        try (Dataset dataset = Dataset.open(flags.data())) {
            Recipe recipe = recipe(flags);
            return of(dataset, flags.followsData() ? ClipOrder.withRoom(dataset, recipe) : recipe);
        }
    }

    private static Workload of(Dataset dataset, Recipe config) throws IOException {
        List<Packing> packings = new ArrayList<>();
        List<Integer> microbatches =
                IntStream.range(0, config.microbatches()).boxed().toList();
        long steps = Math.min(config.steps(), Math.ceilDiv(LOOKED_AT, config.microbatches()));
        try (ClipLoader loader = new ClipLoader(dataset, config, microbatches, 0, 0, UploadMemory.HEAP)) {
            for (int i = 0; i < steps * config.microbatches(); i++) {
                packings.add(loader.next().packing());
            }
        }
        return new Workload(config.model(), packings);
    }

    /**
     * Returns the pixels of a token.
     *
     * @param args flags of {@code launch/train.sh}
     * @return the patch that they mean
     * @throws io.kinema.data.command.ConfigException on a mistake in the flags
     */
    public static Patch patch(List<String> args) {
        return recipe(args).model().tokens().patch();
    }

    /**
     * Returns what flags train; without data, tokens are the model's default.
     *
     * @param args flags of {@code launch/train.sh}
     * @return the recipe that they mean
     * @throws io.kinema.data.command.ConfigException on a mistake in the flags
     */
    public static Recipe recipe(List<String> args) {
        return recipe(flags(args));
    }

    private static TrainFlags flags(List<String> args) {
        return TrainFlags.parse(args.toArray(String[]::new)).orElseThrow();
    }

    private static Recipe recipe(TrainFlags flags) {
        return RunSettings.ofThisHost(flags).recipe();
    }

    /**
     * Returns how many tokens a microbatch has.
     *
     * @return the mean
     */
    public double tokensOfMicrobatch() {
        return packings.stream()
                .mapToInt(packing -> packing.tokens().total())
                .average()
                .orElseThrow();
    }

    /**
     * Returns what a microbatch costs a model.
     *
     * @param other its shape; of the same patch
     * @return floating point operations, forward and backward, the mean
     */
    public double flopsOfMicrobatch(DitConfig other) {
        return packings.stream()
                .mapToDouble(packing -> Flops.training(other, packing))
                .average()
                .orElseThrow();
    }

    /**
     * Counts a model's parameters.
     *
     * @param model its shape
     * @return all of them, those of the caption encoder included
     */
    public static long parameters(DitConfig model) {
        return new SpacetimeDit(model).layout().numElements();
    }
}
