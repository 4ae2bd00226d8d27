package io.kinema.train.run;

import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.CheckpointState;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.dist.reduction.Reduction;
import io.kinema.train.dist.reduction.ReductionTree;
import io.kinema.train.model.DitConfig;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.optim.ShardedAdamW.AdamWConfig;
import io.kinema.train.tensor.Precision;

/**
 * What decides the weights that a run ends with. Where it runs, and on how many ranks, is not part of it where sums are
 * exact.
 *
 * @param model the network
 * @param diffusionName the forward process, as in {@code --diffusion}
 * @param timeShift of a flow
 * @param microbatches V, of every step
 * @param tokens the most a microbatch may hold
 * @param steps of the run
 * @param seed of everything random
 * @param captions which of a clip's captions is trained on
 * @param learningRate of each step
 * @param adamw the optimizer
 * @param precision of the device
 * @param spikeSigma how many deviations above its mean loss or gradient norm may lie; 0 for any number
 * @param reduction how gradients are summed; unless it is exact, the number of ranks and the stage decide the last bits
 *     too
 */
public record Recipe(
        DitConfig model,
        String diffusionName,
        double timeShift,
        int microbatches,
        int tokens,
        long steps,
        long seed,
        CaptionMix captions,
        LearningRate learningRate,
        AdamWConfig adamw,
        Precision precision,
        double spikeSigma,
        Reduction reduction) {

    /** The most microbatches of a step. */
    public static final int MOST_MICROBATCHES = 1 << 20;

    /** The most tokens of a microbatch. */
    public static final int MOST_TOKENS = 1 << 24;

    /** The most microbatches of a run: their numbers are 32 bits of the keys of random numbers. */
    public static final long MOST_OF_A_RUN = 0xFFFFFFFFL;

    /** Checks every value. */
    public Recipe {
        Objective.named(diffusionName, timeShift);
        CommandLine.requireRange("--microbatches", microbatches, 1, MOST_MICROBATCHES);
        CommandLine.requireRange("--tokens", tokens, 1, MOST_TOKENS);
        CommandLine.requireRange("--steps", steps, 1, MOST_OF_A_RUN / microbatches);
        CommandLine.requireRange("--learning-rate", learningRate.peak(), 1e-12, 10);
        CommandLine.requireRange("--warmup", learningRate.warmupSteps(), 0, 1e12);
        CommandLine.requireRange("--weight-decay", adamw.weightDecay(), 0, 10);
        CommandLine.requireRange("--clip-norm", adamw.clipNorm(), 1e-12, 1e12);
        if (spikeSigma != 0 && !(spikeSigma >= 1 && spikeSigma <= 1e6)) {
            throw new ConfigException("--spike-sigma " + CommandLine.number(spikeSigma)
                    + " is out of range; use 0 to leave out no step, or 1 to 1000000, such as 6");
        }
        CommandLine.requireRange("--ema-decay", adamw.emaDecay(), 0, Math.nextDown(1.0));
    }

    /**
     * Returns what is learned.
     *
     * @return the forward process and the target
     */
    public Objective diffusion() {
        return Objective.named(diffusionName, timeShift);
    }

    /**
     * The tree over the microbatches of a step.
     *
     * @return with V leaves
     */
    public ReductionTree tree() {
        return new ReductionTree(microbatches, reduction);
    }

    /**
     * The same, of another model.
     *
     * @param other takes its place
     * @return another recipe
     */
    public Recipe withModel(DitConfig other) {
        return with(other, tokens, precision, reduction);
    }

    /**
     * The same, with smaller or larger microbatches.
     *
     * @param other takes its place
     * @return another recipe
     */
    public Recipe withTokens(int other) {
        return with(model, other, precision, reduction);
    }

    /**
     * The same, in another precision.
     *
     * @param other takes its place
     * @return another recipe
     */
    public Recipe withPrecision(Precision other) {
        return with(model, tokens, other, reduction);
    }

    /**
     * The same, with gradients summed in another way.
     *
     * @param other takes its place
     * @return another recipe
     */
    public Recipe withReduction(Reduction other) {
        return with(model, tokens, precision, other);
    }

    private Recipe with(DitConfig otherModel, int otherTokens, Precision otherPrecision, Reduction otherReduction) {
        return new Recipe(
                otherModel,
                diffusionName,
                timeShift,
                microbatches,
                otherTokens,
                steps,
                seed,
                captions,
                learningRate,
                adamw,
                otherPrecision,
                spikeSigma,
                otherReduction);
    }

    /**
     * What a checkpoint says of the model and what it learns.
     *
     * @return a part of {@code state.json}
     */
    public CheckpointState.Config forCheckpoint() {
        return new CheckpointState.Config(CheckpointState.Model.of(model), diffusionName, timeShift, precision.flag());
    }
}
