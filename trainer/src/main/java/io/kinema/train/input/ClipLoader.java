package io.kinema.train.input;

import io.kinema.data.order.Philox;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Dataset;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.run.Recipe;
import io.kinema.train.tensor.UploadMemory;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/**
 * Reads microbatches ahead of training, in a thread of its own: decodes clips, cuts patches, draws noise and times.
 * What a microbatch holds follows from the seed, the step, its number, the sizes of all clips, {@code --tokens}, V and
 * the patch; never from the rank or the world size.
 */
public final class ClipLoader implements AutoCloseable {
    private static final int READ_AHEAD = 3;

    private final Dataset dataset;
    private final ClipOrder order;
    private final Recipe config;
    private final Objective diffusion;
    private final Philox philox;
    private final List<Integer> microbatches;
    private final ExecutorService thread;
    private final ArrayDeque<Future<Microbatch>> ahead = new ArrayDeque<>();
    /** Those that are ahead and the one that is returned have builders of their own. */
    private final MicrobatchBuilder[] builders = new MicrobatchBuilder[READ_AHEAD];

    private final long firstEpoch;
    /** Of the first epoch; changed by the loader's thread. */
    private volatile CaptionCuts captionCuts = CaptionCuts.NONE;

    private volatile FrameRates frameRates = FrameRates.NONE;

    private long submitted;

    /**
     * Begins to read.
     *
     * @param dataset where the clips are; read by this loader's thread only
     * @param config of the run
     * @param microbatches which of each step's are wanted, ascending
     * @param firstStep the first step that is wanted
     * @param rank for the thread's name
     * @param uploads gives the memory of microbatches: the device on which they are trained
     */
    public ClipLoader(
            Dataset dataset,
            Recipe config,
            List<Integer> microbatches,
            long firstStep,
            int rank,
            UploadMemory uploads) {
        this.dataset = dataset;
        this.order = new ClipOrder(dataset, config);
        this.config = config;
        this.diffusion = config.diffusion();
        this.philox = new Philox(config.seed());
        this.microbatches = List.copyOf(microbatches);
        this.firstEpoch = order.epoch(firstStep);
        this.submitted = firstStep * microbatches.size();
        Arrays.setAll(builders, _ -> new MicrobatchBuilder(config.model().tokens(), uploads));
        this.thread = Executors.newSingleThreadExecutor(
                Thread.ofPlatform().daemon().name("train-r" + rank + "-loader").factory());
    }

    /**
     * Returns the next microbatch of this rank: its microbatches of a step in turn, step after step. It is good until
     * the next call.
     *
     * @return the next microbatch
     * @throws IOException when a shard is damaged
     */
    public Microbatch next() throws IOException {
        long end = config.steps() * microbatches.size();
        while (ahead.size() < READ_AHEAD && submitted < end) {
            long step = submitted / microbatches.size();
            int microbatch = microbatches.get((int) (submitted % microbatches.size()));
            MicrobatchBuilder builder = builders[(int) (submitted % READ_AHEAD)];
            submitted++;
            ahead.add(thread.submit(() -> load(step, microbatch, builder)));
        }
        try {
            return ahead.remove().get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for data", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    private Microbatch load(long step, int microbatch, MicrobatchBuilder builder) throws IOException {
        int[] indices = order.clips(step, microbatch);
        long number = step * config.microbatches() + microbatch;
        builder.begin(Math.toIntExact(order.tokens(step, microbatch)));
        for (int index : indices) {
            Clip clip = dataset.read(order.clip(index));
            String caption = config.captions().draw(clip.captions(), philox, number, index);
            if (order.epoch(step, microbatch) == firstEpoch) {
                captionCuts = captionCuts.with(caption);
                frameRates = frameRates.with(clip.numFrames(), clip.frameRateHz());
            }
            builder.add(
                    clip,
                    caption,
                    mixture(number, index),
                    (noise, count) -> philox.normals(Philox.Purpose.NOISE, number, index, noise, 0, count));
        }
        return builder.build();
    }

    private Mixture mixture(long number, int index) {
        float[] normal = new float[1];
        philox.normals(Philox.Purpose.TIME, number, index, normal, 0, 1);
        return diffusion.draw(philox.uniform(Philox.Purpose.TIME, number, index, 1), normal[0]);
    }

    /** Captions that were cut since the start, in the epoch that training began in. */
    CaptionCuts captionCuts() {
        return captionCuts;
    }

    /**
     * Says what stands out in the clips that were loaded so far, in the epoch that training began in.
     *
     * @return a line for each: captions that are cut, frame rates that differ
     */
    public List<String> remarks() {
        return Stream.of(captionCuts.text("captions", "rank 0 has read"), frameRates.text())
                .flatMap(Optional::stream)
                .toList();
    }

    @Override
    public void close() {
        ahead.forEach(read -> read.cancel(false));
        thread.close();
        for (MicrobatchBuilder builder : builders) {
            builder.close();
        }
    }
}
