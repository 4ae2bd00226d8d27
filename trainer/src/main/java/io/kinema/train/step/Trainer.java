package io.kinema.train.step;

import io.kinema.data.shard.Dataset;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Trainable;
import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.StepLabel;
import io.kinema.train.dist.collective.Traffic;
import io.kinema.train.dist.reduction.Wire;
import io.kinema.train.input.ClipLoader;
import io.kinema.train.input.ClipOrder;
import io.kinema.train.metrics.HostMemory;
import io.kinema.train.metrics.Spike;
import io.kinema.train.metrics.StepMetrics;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.optim.LossScale;
import io.kinema.train.run.Recipe;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** One rank's part of training: {@link #step} is all of it. */
public final class Trainer implements AutoCloseable {
    private final Recipe config;
    private final TrainState state;
    private final Collectives collectives;
    private final ClipOrder order;
    private final ClipLoader loader;
    private final StepPasses passes;
    private final Trainable trained;
    private final double peakFlops;

    private long dataNanos;

    /**
     * What a step gave.
     *
     * @param metrics of the step
     * @param notice of all ranks
     * @param spike where it was one
     */
    public record StepResult(StepMetrics metrics, StepReport.RankStatus notice, Optional<Spike> spike) {}

    /**
     * Begins at {@code state.step}.
     *
     * @param config of the run
     * @param trained the network with its loss, on the device of the state
     * @param state of this rank
     * @param collectives with the other ranks
     * @param dataset the clips
     * @param peakFlops what the matrix products of all ranks together reach, a second
     */
    public Trainer(
            Recipe config,
            Trainable trained,
            TrainState state,
            Collectives collectives,
            Dataset dataset,
            double peakFlops) {
        this.config = config;
        this.state = state;
        this.collectives = collectives;
        this.trained = trained;
        this.order = new ClipOrder(dataset, config);
        this.passes = new StepPasses(config, trained, state);
        this.loader = new ClipLoader(dataset, config, passes.microbatches(), state.step, state.rank(), state.device());
        this.peakFlops = peakFlops;
    }

    /**
     * Makes one step.
     *
     * @param notice what this rank tells the others when the step's gradients are summed
     * @param checkpointMs how long training has stood still for a checkpoint before
     * @return what the step gave
     * @throws TrainingException when loss or gradient are not finite on any rank, in fp16 when no loss scale helps; the
     *     weights are then as before
     * @throws IOException when a shard is damaged
     */
    public StepResult step(Supplier<StepReport.RankStatus> notice, double checkpointMs) throws IOException {
        long startNanos = System.nanoTime();
        Traffic before = collectives.traffic();
        dataNanos = 0;
        long step = state.step;
        long tokens = order.tokens(step);
        // One value of weight 1 counts alike wherever it is, so microbatches weigh by the weights of their tokens.
        double values = order.lossWeight(step) * trained.valuesOfToken();
        boolean scalesLoss = config.precision().scalesLoss();
        double lossScale = state.lossScale.factor();

        StepPasses.Result passed = passes.run(this::nextMicrobatch, lossScale / values);
        List<StepReport> reports = exchange(new StepReport(passed.leaves(), passed.shardSquares(), notice.get()));
        StepReport all = StepReport.join(reports);
        requireFinite(all, step);
        double norm = globalNorm(reports) / lossScale;
        double learningRate = config.learningRate().at(step);
        double meanLoss = all.squaredError() / values;
        Optional<String> spike = spike(meanLoss, norm);
        String skippedBecause = spike.orElse("");
        if (!Double.isFinite(norm)) {
            skippedBecause = "overflow at loss scale " + lossScale;
            lowerLossScale(all, step, norm);
            state.skippedSteps++;
        } else if (spike.isPresent()) {
            state.skippedSteps++;
        } else {
            update(norm, learningRate);
        }
        state.step = step + 1;

        Wire wire = state.sharding().isAlone() ? Wire.FP32 : config.reduction().wire();
        double seconds = (System.nanoTime() - startNanos) / 1e9;
        Traffic after = collectives.traffic();
        StepMetrics metrics = new StepMetrics(
                step + 1,
                order.epoch(step),
                meanLoss,
                norm,
                learningRate,
                tokens,
                all.flops(),
                1e3 * seconds,
                dataNanos / 1e6,
                (after.commNanos() - before.commNanos()) / 1e6,
                (after.exposedNanos() - before.exposedNanos()) / 1e6,
                checkpointMs,
                tokens / seconds,
                all.flops() / seconds / 1e12,
                all.flops() / seconds / peakFlops,
                HostMemory.ofThisHost().residentBytes(),
                scalesLoss ? lossScale : 0,
                skippedBecause,
                config.reduction().isExact() ? "" : config.reduction().flag(),
                wire == Wire.FP32 ? "" : wire.flag());
        return new StepResult(
                metrics,
                all.notice(),
                spike.map(because -> new Spike(step + 1, because, meanLoss, norm, 0, clips(step))));
    }

    /** The reports of all ranks, in rank order. */
    private List<StepReport> exchange(StepReport mine) {
        byte[][] messages = collectives.allGather(new StepLabel(state.step + 1, "losses"), mine.encode());
        return Arrays.stream(messages).map(StepReport::decode).toList();
    }

    /**
     * Why the step is a spike; empty where it is none, or where nobody looks for any. Every rank comes to the same, as
     * loss and norm are those of all.
     */
    private Optional<String> spike(double meanLoss, double norm) {
        if (config.spikeSigma() == 0 || !Double.isFinite(norm)) {
            return Optional.empty();
        }
        Optional<String> spike = state.spikes.judge(config.spikeSigma(), meanLoss, norm);
        state.spikes = spike.isPresent() ? state.spikes.afterSkip() : state.spikes.afterUpdate(meanLoss, norm);
        return spike;
    }

    private List<List<String>> clips(long step) {
        return IntStream.range(0, config.microbatches())
                .mapToObj(microbatch -> order.ids(step, microbatch))
                .toList();
    }

    private Microbatch nextMicrobatch() throws IOException {
        long waitNanos = System.nanoTime();
        Microbatch batch = loader.next();
        dataNanos += System.nanoTime() - waitNanos;
        return batch;
    }

    private void update(double norm, double learningRate) {
        long count = state.step - state.skippedSteps + 1;
        for (Group group : state.groups()) {
            state.optimizer(group).update(passes.shard(group), state.lossScale.factor(), norm, learningRate, count);
            state.weights().beginGather(group);
        }
        if (config.precision().scalesLoss()) {
            state.lossScale = state.lossScale.afterUpdate();
        }
    }

    /**
     * After an overflow; where there is none to lower, ends the run. Every rank comes to the same, as the norm is that
     * of all.
     */
    private void lowerLossScale(StepReport all, long step, double norm) {
        if (!config.precision().scalesLoss()) {
            throw new TrainingException(
                    "step " + (step + 1) + ": the gradients of its microbatches are finite, their sum "
                            + "is not (norm " + norm + "); no weight was changed; lower --learning-rate and resume");
        }
        LossScale lower = state.lossScale.afterOverflow();
        if (lower.isTooSmall()) {
            throw new TrainingException("step " + (step + 1)
                    + ": the gradient is not finite (norm " + norm + ", squared error " + all.squaredError()
                    + ") though the loss scale is down to " + state.lossScale.factor()
                    + ", so the scale is not the reason; resume with --precision fp32 or a lower --learning-rate");
        }
        state.lossScale = lower;
    }

    /** Not where a loss scale is being found. */
    private void requireFinite(StepReport report, long step) {
        if (config.precision().scalesLoss()) {
            return;
        }
        for (StepReport.Leaf leaf : report.leaves()) {
            if (!leaf.isFinite()) {
                throw new TrainingException("step " + (step + 1) + ", microbatch " + leaf.microbatch()
                        + ": squared error " + leaf.squaredError() + ", squared gradient norm "
                        + leaf.gradientSquare()
                        + " with clips " + order.ids(step, leaf.microbatch())
                        + "; no weight was changed; lower --learning-rate or --clip-norm and resume, or"
                        + " look at these clips");
            }
        }
    }

    /** The norm of the whole gradient: fixed blocks, added in their order whatever the world size. */
    private double globalNorm(List<StepReport> reports) {
        int[] next = new int[reports.size()];
        double sum = 0;
        for (Group group : state.groups()) {
            for (int rank = 0; rank < next.length; rank++) {
                double[] squaresOfRank = reports.get(rank).shardSquares();
                int end = next[rank] + state.sharding().blocks(group, rank);
                while (next[rank] < end) {
                    sum += squaresOfRank[next[rank]++];
                }
            }
        }
        return Math.sqrt(sum);
    }

    /**
     * The epoch that the next step begins in.
     *
     * @return counts from 0
     */
    public long epoch() {
        return order.epoch(state.step);
    }

    /**
     * Says what stands out in the clips that this rank has read in its first epoch.
     *
     * @return a line for each
     */
    public List<String> remarks() {
        return loader.remarks();
    }

    @Override
    public void close() {
        loader.close();
    }
}
