package io.kinema.train.input;

import io.kinema.data.shard.Clip;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Mixtures;
import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import io.kinema.train.tensor.UploadMemory;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Packs clips into a microbatch: training, the memory plan and the held-out loss all make theirs here. The buffers of a
 * microbatch are filled again for the next one. Used by one thread at a time.
 */
public final class MicrobatchBuilder implements AutoCloseable {
    /** What each token weighs in the loss; {@link ClipOrder#lossWeight} sums the weights of a step. */
    static final float TOKEN_WEIGHT = 1;

    private final ClipTokens tokens;
    private final UploadRoom room;
    /** Of one clip. */
    private float[] values = {};

    private List<String> ids = new ArrayList<>();
    private List<Grid> grids = new ArrayList<>();
    private List<int[]> captions = new ArrayList<>();
    private List<Mixture> mixtures = new ArrayList<>();
    private int numTokens;

    /** Draws the noise of a clip. */
    public interface Noise {
        /** No noise, where nothing is computed with the values. */
        Noise NONE = (_, _) -> {};

        /**
         * Draws standard normal values.
         *
         * @param values where to write them, from the first element on
         * @param count how many
         */
        void draw(float[] values, int count);
    }

    /**
     * Begins without a microbatch.
     *
     * @param tokens of the model
     * @param uploads gives the memory of microbatches: the device on which they are trained
     */
    public MicrobatchBuilder(ClipTokens tokens, UploadMemory uploads) {
        this.tokens = tokens;
        room = new UploadRoom(uploads);
    }

    /**
     * Begins a microbatch, which ends the use of the one before. Waits until the device has copied that one.
     *
     * @param capacity the tokens of all the clips that will be added
     */
    public void begin(int capacity) {
        room.reserve(capacity, tokens.values());
        ids = new ArrayList<>();
        grids = new ArrayList<>();
        captions = new ArrayList<>();
        mixtures = new ArrayList<>();
        numTokens = 0;
    }

    /**
     * Adds a clip.
     *
     * @param clip its frames
     * @param caption what the model is told of the clip; empty for nothing
     * @param mixture its diffusion time
     * @param noise draws as many values as the clip's tokens have
     */
    public void add(Clip clip, String caption, Mixture mixture, Noise noise) {
        Grid grid = tokens.grid(clip);
        int count = Math.multiplyExact(grid.tokens(), tokens.values());
        if (values.length < count) {
            values = new float[count];
        }
        long offset = (long) numTokens * tokens.values();
        tokens.fromClip(clip.framesTHWC(), clip.numFrames(), grid, values, 0);
        UploadRoom.put(values, count, room.cleanLP(), offset);
        noise.draw(values, count);
        UploadRoom.put(values, count, room.noiseLP(), offset);
        for (int i = 0; i < grid.tokens(); i++) {
            room.weightL().values().setAtIndex(ValueLayout.JAVA_FLOAT, (long) numTokens + i, TOKEN_WEIGHT);
        }
        ids.add(clip.id());
        grids.add(grid);
        captions.add(CaptionBytes.of(caption));
        mixtures.add(mixture);
        numTokens = Math.addExact(numTokens, grid.tokens());
    }

    /**
     * Ends the microbatch.
     *
     * @return the clips in the order in which they were added; good until the next {@link #begin}
     */
    public Microbatch build() {
        return new Microbatch(
                ids,
                Packing.of(grids, captions),
                room.cleanLP(),
                room.noiseLP(),
                room.weightL(),
                Mixtures.of(mixtures));
    }

    /** Frees the buffers, once the device has copied everything. */
    @Override
    public void close() {
        room.close();
    }
}
