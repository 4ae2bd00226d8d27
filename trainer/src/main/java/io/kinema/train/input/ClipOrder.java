package io.kinema.train.input;

import io.kinema.data.order.DataOrder;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.run.Recipe;
import java.util.Arrays;
import java.util.List;

/**
 * Which clips a run trains on at each step, and how many tokens they have: a function of the seed, the sizes of the
 * clips, {@code --tokens} and V. Nothing else cuts the data of a run or counts its tokens. Used by one thread at a
 * time.
 */
public final class ClipOrder {
    private final List<ClipEntry> clips;
    private final ClipTokens tokens;
    private final DataOrder order;

    /**
     * Cuts a data set.
     *
     * @param dataset the clips
     * @param config of the run
     * @throws io.kinema.data.command.ConfigException when a clip does not divide into tokens, or has more than
     *     {@code --tokens}
     */
    public ClipOrder(Dataset dataset, Recipe config) {
        clips = dataset.clips();
        tokens = config.model().tokens();
        int[] tokensOfClip =
                clips.stream().mapToInt(clip -> tokens.grid(clip).tokens()).toArray();
        order = new DataOrder(config.seed(), tokensOfClip, config.tokens(), config.microbatches());
    }

    /**
     * Lets microbatches hold the largest clip of a data set.
     *
     * @param dataset the clips
     * @param config whose {@code --tokens} is the least
     * @return the recipe, with as many tokens as the largest clip has
     * @throws io.kinema.data.command.ConfigException when a clip does not divide into tokens
     */
    public static Recipe withRoom(Dataset dataset, Recipe config) {
        ClipTokens tokens = config.model().tokens();
        int largest = dataset.clips().stream()
                .mapToInt(clip -> tokens.grid(clip).tokens())
                .max()
                .orElseThrow();
        return config.withTokens(Math.max(largest, config.tokens()));
    }

    /**
     * Returns the clips of a microbatch.
     *
     * @param step of training, from 0
     * @param microbatch 0 … V−1
     * @return positions in the data set's index, at least one
     */
    public int[] clips(long step, int microbatch) {
        return order.clips(step, microbatch);
    }

    /**
     * Returns the names of the clips of a microbatch.
     *
     * @param step of training, from 0
     * @param microbatch 0 … V−1
     * @return ids, in the order in which they are packed
     */
    public List<String> ids(long step, int microbatch) {
        return Arrays.stream(clips(step, microbatch))
                .mapToObj(index -> clip(index).id())
                .toList();
    }

    /**
     * Returns a clip's row of the index.
     *
     * @param index its position
     * @return where it is
     */
    public ClipEntry clip(int index) {
        return clips.get(index);
    }

    /**
     * Returns the number of tokens of a clip.
     *
     * @param index its position in the data set's index
     * @return tokens
     */
    public int tokensOfClip(int index) {
        return tokens.grid(clip(index)).tokens();
    }

    /**
     * Returns the least that {@code --tokens} can be.
     *
     * @return the tokens of the largest clip
     */
    public int tokensOfLargestClip() {
        return clips.stream().mapToInt(clip -> tokens.grid(clip).tokens()).max().orElseThrow();
    }

    /**
     * Returns how many tokens a step has.
     *
     * @param step of training, from 0
     * @return the sum over its microbatches
     */
    public long tokens(long step) {
        return order.tokens(step);
    }

    /**
     * Returns how many tokens a microbatch has.
     *
     * @param step of training, from 0
     * @param microbatch 0 … V−1
     * @return the sum over its clips
     */
    public long tokens(long step, int microbatch) {
        return order.tokens(step, microbatch);
    }

    /**
     * Returns the sum of the loss weights of a step's tokens: every rank knows the sum without asking the others.
     *
     * @param step of training, from 0
     * @return the sum over its microbatches
     */
    public double lossWeight(long step) {
        return (double) tokens(step) * MicrobatchBuilder.TOKEN_WEIGHT;
    }

    /**
     * Returns the epoch that a step begins in.
     *
     * @param step of training, from 0
     * @return from 0
     */
    public long epoch(long step) {
        return order.epoch(step);
    }

    /**
     * Returns the epoch of a microbatch; a step may have microbatches of two or more.
     *
     * @param step of training, from 0
     * @param microbatch 0 … V−1
     * @return from 0
     */
    public long epoch(long step, int microbatch) {
        return order.epoch(step, microbatch);
    }
}
