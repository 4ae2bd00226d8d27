package io.kinema.train;

import io.kinema.data.order.DataOrder;
import io.kinema.data.shard.Dataset;
import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.dist.Collectives;
import io.kinema.train.dist.ReductionTree;
import io.kinema.train.dist.StepLabel;
import io.kinema.train.metrics.StepMetrics;
import io.kinema.train.model.Flops;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.Patches;
import io.kinema.train.optim.LossScale;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/** One rank's part of training: {@link #step} is all of it. */
final class Trainer implements AutoCloseable {
    private final TrainConfig config;
    private final TrainState state;
    private final Collectives collectives;
    private final Device device;
    private final Dataset dataset;
    private final DataOrder order;
    private final ClipLoader loader;
    private final DiffusionLoss loss;
    private final GradientSum gradients;
    private final double peakFlops;
    /** Of blocks of a gradient. */
    private final double[] squares;

    /**
     * What a step gave.
     *
     * @param metrics of the step
     * @param stopRequested whether a rank was asked to stop
     */
    record Stepped(StepMetrics metrics, boolean stopRequested) {}

    /**
     * Begins at {@code state.step}.
     *
     * @param peakFlops what the matrix products of all ranks together reach, a second
     */
    Trainer(TrainConfig config, TrainState state, Collectives collectives, Dataset dataset, double peakFlops) {
        this.config = config;
        this.state = state;
        this.collectives = collectives;
        this.device = state.device();
        this.dataset = dataset;
        this.order = ClipLoader.order(dataset, config);
        this.loss = new DiffusionLoss(state.model(), device);
        this.gradients = new GradientSum(state, new ReductionTree(config.microbatches()));
        List<Integer> mine = IntStream.range(
                        gradients.leaves().lo(), gradients.leaves().hi())
                .boxed()
                .toList();
        this.loader = new ClipLoader(dataset, config, mine, state.step, state.rank());
        this.peakFlops = peakFlops;
        squares = new double[Math.toIntExact(state.model().layout().flatSize() / Device.SHARD_ALIGNMENT)];
    }

    /**
     * Makes one step.
     *
     * @param stopRequested whether this rank was asked to stop; all ranks learn of it
     * @throws TrainingException when loss or gradient are not finite on any rank, in fp16 when no loss scale helps; the weights are then as before
     * @throws IOException when a shard is damaged
     */
    Stepped step(BooleanSupplier stopRequested) throws IOException {
        long startNanos = System.nanoTime();
        long commBefore = collectives.traffic().commNanos();
        long dataNanos = 0;
        long step = state.step;
        long tokens = order.tokens(step);
        double values = (double) tokens * Patches.values(config.model().patch());
        boolean scalesLoss = config.precision().scalesLoss();
        double lossScale = state.lossScale.factor();

        StepReport.Leaf[] leaves = new StepReport.Leaf[gradients.leaves().count()];
        for (int i = 0; i < leaves.length; i++) {
            long waitNanos = System.nanoTime();
            Microbatch batch = loader.next();
            dataNanos += System.nanoTime() - waitNanos;
            ParameterSet gradient = gradients.zeroed();
            leaves[i] = forwardBackward(gradients.leaves().lo() + i, batch, gradient, lossScale / values);
            gradients.add(leaves[i].microbatch(), gradient);
        }
        StepReport mine = new StepReport(Arrays.asList(leaves), stopRequested.getAsBoolean());
        StepReport all = StepReport.join(collectives.allGather(new StepLabel(step, "losses"), mine.encode()));
        if (!scalesLoss) {
            requireFinite(all, step);
        }
        Tensor shardGradient = gradients.reduceScatter(collectives, new StepLabel(step, "gradients"));
        double norm = globalNorm(shardGradient, step) / lossScale;
        double learningRate = config.learningRate().at(step);
        boolean skipped = !Double.isFinite(norm);
        if (skipped) {
            skip(all, step, norm);
        } else {
            update(shardGradient, norm, learningRate);
        }
        state.step = step + 1;

        double seconds = (System.nanoTime() - startNanos) / 1e9;
        double commMs = (collectives.traffic().commNanos() - commBefore) / 1e6;
        StepMetrics metrics = new StepMetrics(
                step + 1,
                order.epoch(step),
                all.squaredError() / values,
                norm,
                learningRate,
                tokens,
                1e3 * seconds,
                dataNanos / 1e6,
                commMs,
                tokens / seconds,
                all.flops() / seconds / 1e12,
                all.flops() / seconds / peakFlops,
                HostMemory.ofThisHost().residentBytes(),
                scalesLoss ? lossScale : 0,
                skipped);
        return new Stepped(metrics, all.stopRequested());
    }

    private StepReport.Leaf forwardBackward(int microbatch, Microbatch batch, ParameterSet gradient, double scale) {
        try (Device.Scope _ = device.openScope()) {
            double[] errorS = loss.forwardBackward(new Gradients(state.weights(), gradient), batch, scale);
            device.sumOfSquares(gradient.flat(), Device.SHARD_ALIGNMENT, squares);
            return new StepReport.Leaf(
                    microbatch,
                    Arrays.stream(errorS).reduce(0, Double::sum),
                    Arrays.stream(squares).reduce(0, Double::sum),
                    Flops.training(config.model(), batch.packing()));
        }
    }

    private void update(Tensor shardGradient, double norm, double learningRate) {
        long count = state.step - state.skippedSteps + 1;
        state.optimizer().update(shardGradient, state.lossScale.factor(), norm, learningRate, count);
        state.gatherWeights(collectives);
        if (config.precision().scalesLoss()) {
            state.lossScale = state.lossScale.afterUpdate();
        }
    }

    /** Leaves the weights as they are and lowers the loss scale; where there is none to lower, ends the run. Every rank comes to the same, as the norm is that of all. */
    private void skip(StepReport all, long step, double norm) {
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
        state.skippedSteps++;
    }

    private void requireFinite(StepReport report, long step) {
        for (StepReport.Leaf leaf : report.leaves()) {
            if (!leaf.isFinite()) {
                List<String> clips = Arrays.stream(order.clips(step, leaf.microbatch()))
                        .mapToObj(index -> dataset.clips().get(index).id())
                        .toList();
                throw new TrainingException(
                        "step " + (step + 1) + ", microbatch " + leaf.microbatch()
                                + ": squared error " + leaf.squaredError() + ", squared gradient norm "
                                + leaf.gradientSquare()
                                + " with clips " + clips
                                + "; no weight was changed; lower --learning-rate or --clip-norm and resume, or look at these clips");
            }
        }
    }

    /** The norm of the whole gradient: fixed blocks, added in their order whatever the world size. */
    private double globalNorm(Tensor shardGradient, long step) {
        int mine = state.shardSize() / Device.SHARD_ALIGNMENT;
        if (mine > 0) {
            device.sumOfSquares(shardGradient, Device.SHARD_ALIGNMENT, squares);
        }
        ByteBuffer message = ByteBuffer.allocate(mine * Double.BYTES);
        message.asDoubleBuffer().put(squares, 0, mine);
        double sum = 0;
        for (byte[] blocks : collectives.allGather(new StepLabel(step, "gradient norm"), message.array())) {
            ByteBuffer buffer = ByteBuffer.wrap(blocks);
            while (buffer.hasRemaining()) {
                sum += buffer.getDouble();
            }
        }
        return Math.sqrt(sum);
    }

    /** The epoch that the next step begins in. */
    long epoch() {
        return order.epoch(state.step);
    }

    @Override
    public void close() {
        loader.close();
    }
}
