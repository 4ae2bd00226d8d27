package io.kinema.train.checkpoint;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.kinema.data.clip.Patch;
import io.kinema.train.model.DitConfig;
import io.kinema.train.optim.Spikes;
import java.util.List;

/**
 * What {@code state.json} says of a checkpoint.
 *
 * @param formatVersion {@link #FORMAT_VERSION}
 * @param step how many steps have been made
 * @param seed of the run
 * @param cursor where the data order stands
 * @param config the model and its forward process
 * @param dataSha256 digest of the data set's manifest
 * @param flags the resolved flags of the run, as in {@code run.args}
 * @param skippedSteps of {@code step}, those that are not part of the weights: their gradient had overflowed, or they
 *     were spikes, or came to nothing because training went back; not written where there is none
 * @param lossScale of the next step in fp16; 0, and not written, in other precisions
 * @param goodSteps since the loss scale changed last; not written where there is none
 * @param spikes what is known of spikes; not written where nobody looks for them
 */
public record CheckpointState(
        int formatVersion,
        long step,
        long seed,
        Cursor cursor,
        Config config,
        String dataSha256,
        List<String> flags,
        @JsonInclude(JsonInclude.Include.NON_DEFAULT) long skippedSteps,
        @JsonInclude(JsonInclude.Include.NON_DEFAULT) double lossScale,
        @JsonInclude(JsonInclude.Include.NON_DEFAULT) long goodSteps,

        @JsonInclude(value = JsonInclude.Include.CUSTOM, valueFilter = CheckpointState.Unwatched.class)
        Spikes spikes) {

    /** Checkpoints that do not say come from runs that left out no spikes. */
    public CheckpointState {
        spikes = spikes == null ? Spikes.NONE : spikes;
    }

    /** Equals what is not written. */
    static final class Unwatched {
        @Override
        public boolean equals(Object spikes) {
            return Spikes.NONE.equals(spikes);
        }

        @Override
        public int hashCode() {
            return Spikes.NONE.hashCode();
        }
    }

    /** The version that is written and read. */
    public static final int FORMAT_VERSION = 1;

    /**
     * Where the data order stands: it follows from the step, the number of microbatches and their size.
     *
     * @param epoch that the next step begins in
     * @param microbatch the number of the next microbatch, counted over all steps
     * @param microbatches V, of every step
     * @param tokens the most a microbatch may hold
     */
    public record Cursor(long epoch, long microbatch, int microbatches, int tokens) {}

    /**
     * What was trained.
     *
     * @param model the shape
     * @param diffusion the forward process, as in {@code --diffusion}
     * @param timeShift as in {@code --time-shift}
     * @param precision as in {@code --precision}; the weights of a checkpoint are fp32 whatever it is
     */
    public record Config(Model model, String diffusion, double timeShift, String precision) {
        /** Checkpoints that do not say were trained in fp32, when there was nothing else. */
        public Config {
            precision = precision == null ? "fp32" : precision;
        }
    }

    /**
     * The shape of the model; the patch as frames, rows, columns.
     *
     * @param depth blocks
     * @param width D
     * @param heads N
     * @param captionDepth blocks of the caption encoder
     * @param captionWidth E
     * @param captionHeads heads of the caption encoder
     * @param patch frames, rows, columns
     */
    public record Model(
            int depth,
            int width,
            int heads,
            int captionDepth,
            int captionWidth,
            int captionHeads,
            List<Integer> patch) {

        /**
         * Describes a model.
         *
         * @param config its shape
         * @return the same
         */
        public static Model of(DitConfig config) {
            Patch patch = config.tokens().patch();
            return new Model(
                    config.depth(),
                    config.width(),
                    config.heads(),
                    config.captionDepth(),
                    config.captionWidth(),
                    config.captionHeads(),
                    List.of(patch.frames(), patch.height(), patch.width()));
        }

        /**
         * Returns the shape.
         *
         * @return a config
         */
        public DitConfig toConfig() {
            return new DitConfig(
                    depth,
                    width,
                    heads,
                    captionDepth,
                    captionWidth,
                    captionHeads,
                    new Patch(patch.get(0), patch.get(1), patch.get(2)));
        }
    }
}
