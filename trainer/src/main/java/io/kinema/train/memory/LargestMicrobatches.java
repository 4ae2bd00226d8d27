package io.kinema.train.memory;

import io.kinema.data.shard.Caption;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Dataset;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.input.ClipOrder;
import io.kinema.train.input.MicrobatchBuilder;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.run.Recipe;
import io.kinema.train.tensor.UploadMemory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntToLongFunction;
import java.util.function.ToLongFunction;

/**
 * Finds the microbatches of a run that need the most memory: those of the most tokens, of the longest clips, and of the
 * most clips.
 */
final class LargestMicrobatches {
    /** So many of a run's microbatches are looked at; they are packed alike from epoch to epoch. */
    private static final int LOOKED_AT = 20_000;

    private LargestMicrobatches() {}

    /**
     * Finds them.
     *
     * @return as many clips, tokens and caption bytes as the run's, without noise
     */
    static List<Microbatch> of(Dataset dataset, Recipe config) throws IOException {
        ClipOrder order = new ClipOrder(dataset, config);
        List<ToLongFunction<int[]>> sizes = List.of(
                clips -> sum(clips, order::tokensOfClip),
                clips -> sum(clips, clip -> (long) order.tokensOfClip(clip) * order.tokensOfClip(clip)),
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
                batches.add(microbatch(dataset, config, order, largest[i]));
            }
        }
        return batches;
    }

    private static long sum(int[] clips, IntToLongFunction ofClip) {
        return Arrays.stream(clips).mapToLong(ofClip::applyAsLong).sum();
    }

    private static Microbatch microbatch(Dataset dataset, Recipe config, ClipOrder order, int[] clips)
            throws IOException {
        MicrobatchBuilder builder = new MicrobatchBuilder(config.model().tokens(), UploadMemory.HEAP);
        builder.begin(Math.toIntExact(sum(clips, order::tokensOfClip)));
        for (int index : clips) {
            Clip clip = dataset.read(order.clip(index));
            builder.add(clip, longest(clip.captions()), new Mixture(0, 1, 0, 1, 0), MicrobatchBuilder.Noise.NONE);
        }
        return builder.build();
    }

    private static String longest(List<Caption> captions) {
        return captions.stream()
                .map(Caption::text)
                .max(Comparator.comparingInt(text -> CaptionBytes.of(text).length))
                .orElse("");
    }
}
