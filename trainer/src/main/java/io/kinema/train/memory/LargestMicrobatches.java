package io.kinema.train.memory;

import io.kinema.data.clip.Patch;
import io.kinema.data.order.DataOrder;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Mixtures;
import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.input.ClipLoader;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import io.kinema.train.model.Patches;
import io.kinema.train.run.Recipe;
import io.kinema.train.tensor.UploadBuffer;
import io.kinema.train.tensor.UploadMemory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * Finds the microbatches of a run that need the most memory: those of the most tokens, of the longest clips, and of the
 * most clips.
 */
final class LargestMicrobatches {
    /** So many of a run's microbatches are looked at; they are packed alike from epoch to epoch. */
    private static final int LOOKED_AT = 20_000;

    private final Dataset dataset;
    private final Patch patch;

    private LargestMicrobatches(Dataset dataset, Patch patch) {
        this.dataset = dataset;
        this.patch = patch;
    }

    /**
     * Finds them.
     *
     * @return as many clips, tokens and caption bytes as the run's; what they show is left out
     */
    static List<Microbatch> of(Dataset dataset, Recipe config) throws IOException {
        LargestMicrobatches search =
                new LargestMicrobatches(dataset, config.model().patch());
        DataOrder order = ClipLoader.order(dataset, config);
        List<ToLongFunction<int[]>> sizes = List.of(
                clips -> search.sum(clips, tokens -> tokens),
                clips -> search.sum(clips, tokens -> tokens * tokens),
                clips -> clips.length);
        int[][] largest = new int[sizes.size()][];
        long[] size = new long[sizes.size()];
        long steps = Math.min(config.steps(), Math.ceilDiv(LOOKED_AT, config.microbatches()));
        for (long step = 0; step < steps; step++) {
            for (int v = 0; v < config.microbatches(); v++) {
                int[] clips = order.clips(step, v);
                for (int i = 0; i < largest.length; i++) {
                    long found = sizes.get(i).applyAsLong(clips);
                    if (found > size[i]) {
                        size[i] = found;
                        largest[i] = clips;
                    }
                }
            }
        }
        List<Microbatch> batches = new ArrayList<>();
        for (int i = 0; i < largest.length; i++) {
            boolean isNew = true;
            for (int j = 0; j < i; j++) {
                isNew &= !Arrays.equals(largest[i], largest[j]);
            }
            if (isNew) {
                batches.add(search.microbatch(largest[i]));
            }
        }
        return batches;
    }

    private long sum(int[] clips, ToLongFunction<Long> ofTokens) {
        return Arrays.stream(clips)
                .mapToLong(clip -> ofTokens.applyAsLong(
                        (long) grid(dataset.clips().get(clip)).tokens()))
                .sum();
    }

    private Grid grid(ClipEntry clip) {
        return Grid.of(patch, clip.numFrames(), clip.height(), clip.width());
    }

    private Microbatch microbatch(int[] clips) throws IOException {
        List<String> ids = new ArrayList<>();
        List<Grid> grids = new ArrayList<>();
        List<int[]> captions = new ArrayList<>();
        List<Mixture> mixtures = new ArrayList<>();
        for (int index : clips) {
            ClipEntry entry = dataset.clips().get(index);
            Clip clip = dataset.read(entry);
            ids.add(entry.id());
            grids.add(grid(entry));
            captions.add(clip.captions().stream()
                    .map(caption -> CaptionBytes.of(caption.text()))
                    .max(Comparator.comparingInt(tokens -> tokens.length))
                    .orElseGet(CaptionBytes::none));
            mixtures.add(new Mixture(0, 1, 0, 1, 0));
        }
        Packing packing = Packing.of(grids, captions);
        UploadBuffer values =
                UploadMemory.HEAP.uploadBuffer((long) packing.tokens().total() * Patches.values(patch));
        return new Microbatch(ids, packing, values, values, Mixtures.of(mixtures));
    }
}
