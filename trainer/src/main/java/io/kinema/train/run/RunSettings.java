package io.kinema.train.run;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.Retention;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.dist.reduction.Reduction;
import io.kinema.train.dist.transport.Transport;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Recompute;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.optim.ShardedAdamW.AdamWConfig;
import io.kinema.train.tensor.Precision;

/**
 * What the flags of a run mean: nothing is left open.
 *
 * @param recipe all that decides the bits of the weights
 * @param ranks how each rank computes and what it keeps
 * @param exchange how ranks reach each other
 * @param checkpoints when they are written, which are kept
 * @param restarts what happens after a failure
 * @param sample the video at the end
 */
public record RunSettings(
        Recipe recipe,
        RankSetup ranks,
        ExchangeSetup exchange,
        CheckpointPolicy checkpoints,
        RestartPolicy restarts,
        SampleRequest sample) {
    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.95;
    private static final double EPSILON = 1e-8;

    /**
     * Checks what the parts ask of each other.
     *
     * @throws ConfigException when they do not go together
     */
    public RunSettings {
        int numRanks = ranks.numRanks();
        if (restarts.minRanks() < 1 || restarts.minRanks() > numRanks) {
            throw new ConfigException("--min-nodes " + restarts.minRanks() + " is not between 0 and --nodes " + numRanks
                    + "; lower --min-nodes or raise --nodes");
        }
        if (recipe.microbatches() < numRanks) {
            throw new ConfigException("--microbatches " + recipe.microbatches() + " is less than --nodes " + numRanks
                    + "; raise --microbatches or lower --nodes");
        }
        if (recipe.precision() != ranks.device().precision()) {
            throw new ConfigException("the recipe is in " + recipe.precision().flag() + ", the device in "
                    + ranks.device().precision().flag() + "; --precision is one for both");
        }
    }

    /**
     * Resolves flags for this machine.
     *
     * @param flags as given
     * @param count how many ranks
     * @return what they mean
     * @throws ConfigException on a value that is not possible, or values that do not go together
     */
    public static RunSettings of(TrainFlags flags, RankCount count) {
        if (!flags.explainOrder && flags.steps.first() != 1) {
            throw new ConfigException("--steps " + flags.steps + " is a range, which only --explain-order takes; give"
                    + " the number of steps of the run, such as " + flags.steps.last());
        }
        DeviceConfig device = flags.device.resolve(count.mostOnAHost());
        return new RunSettings(
                recipe(flags, device.precision()),
                new RankSetup(
                        count.numRanks(),
                        device,
                        Recompute.parse(flags.recompute),
                        ZeroStage.parse(flags.zero),
                        flags.memoryPerNode),
                new ExchangeSetup(
                        Transport.parse(flags.transport),
                        flags.timeoutSeconds,
                        flags.storageTimeoutSeconds,
                        flags.place.hasSecret()),
                new CheckpointPolicy(
                        flags.checkpointEvery,
                        flags.checkpointAsync,
                        new Retention(flags.keepLast, flags.keepEvery),
                        flags.resume),
                new RestartPolicy(flags.maxRestarts, flags.minNodes == 0 ? count.numRanks() : flags.minNodes),
                new SampleRequest(flags.sampleSteps, flags.samplePrompt, flags.guidance, flags.ffmpeg));
    }

    /**
     * Resolves flags as of a run whose ranks are all on this host.
     *
     * @param flags as given
     * @return what they mean
     * @throws ConfigException as {@link #of}
     */
    public static RunSettings ofThisHost(TrainFlags flags) {
        return of(flags, RankCount.ofThisHost(flags.place()));
    }

    /**
     * Returns the same with another recipe.
     *
     * @param other of the same precision
     * @return other settings
     */
    public RunSettings with(Recipe other) {
        return new RunSettings(other, ranks, exchange, checkpoints, restarts, sample);
    }

    private static Recipe recipe(TrainFlags flags, Precision precision) {
        DitConfig shape = DitConfig.parse(flags.model, flags.captionModel);
        return new Recipe(
                flags.patch.isEmpty() ? shape : shape.withPatch(Patch.parse(flags.patch)),
                flags.diffusion,
                flags.timeShift,
                flags.microbatches,
                flags.followsData() ? ModelDefaults.of(flags.model).tokens() : flags.tokens,
                flags.steps.last(),
                flags.seed,
                CaptionMix.parse(flags.captionDropout, flags.captionMix),
                new LearningRate(
                        flags.learningRate,
                        flags.warmup,
                        flags.steps.last(),
                        LearningRate.Schedule.parse(flags.schedule)),
                new AdamWConfig(BETA1, BETA2, EPSILON, flags.weightDecay, flags.clipNorm, flags.emaDecay),
                precision,
                flags.spikeSigma,
                Reduction.parse(flags.reduction, flags.wire));
    }
}
