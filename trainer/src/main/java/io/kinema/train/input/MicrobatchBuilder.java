package io.kinema.train.input;

import io.kinema.data.shard.Clip;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Packs clips into a microbatch: training, the memory plan and the held-out loss all make theirs here. The arrays of a
 * microbatch are filled again for the next one.
 */
public final class MicrobatchBuilder {
    /** What each token weighs in the loss; {@link ClipOrder#lossWeight} sums the weights of a step. */
    static final float TOKEN_WEIGHT = 1;

    private final ClipTokens tokens;
    private float[] cleanLP = {};
    private float[] noiseLP = {};
    private float[] weightL = {};
    private List<String> ids = new ArrayList<>();
    private List<Grid> grids = new ArrayList<>();
    private List<int[]> captions = new ArrayList<>();
    private List<Mixture> mixtures = new ArrayList<>();
    private int numTokens;

    /** Draws the noise of a clip. */
    public interface Noise {
        /** No noise, where nothing is computed with the values. */
        Noise NONE = (_, _, _) -> {};

        /**
         * Draws standard normal values.
         *
         * @param noiseLP where to write them
         * @param offset the first element to write
         * @param count how many
         */
        void draw(float[] noiseLP, int offset, int count);
    }

    /**
     * Begins without a microbatch.
     *
     * @param tokens of the model
     */
    public MicrobatchBuilder(ClipTokens tokens) {
        this.tokens = tokens;
    }

    /**
     * Begins a microbatch, which ends the use of the one before.
     *
     * @param capacity the tokens of all the clips that will be added
     */
    public void begin(int capacity) {
        if (weightL.length < capacity) {
            cleanLP = new float[Math.multiplyExact(capacity, tokens.values())];
            noiseLP = new float[Math.multiplyExact(capacity, tokens.values())];
            weightL = new float[capacity];
        }
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
        int offset = numTokens * tokens.values();
        tokens.fromClip(clip.framesTHWC(), clip.numFrames(), grid, cleanLP, offset);
        noise.draw(noiseLP, offset, grid.tokens() * tokens.values());
        Arrays.fill(weightL, numTokens, numTokens + grid.tokens(), TOKEN_WEIGHT);
        ids.add(clip.id());
        grids.add(grid);
        captions.add(CaptionBytes.of(caption));
        mixtures.add(mixture);
        numTokens += grid.tokens();
    }

    /**
     * Ends the microbatch.
     *
     * @return the clips in the order in which they were added; good until the next {@link #begin}
     */
    public Microbatch build() {
        return new Microbatch(ids, Packing.of(grids, captions), cleanLP, noiseLP, weightL, mixtures);
    }
}
