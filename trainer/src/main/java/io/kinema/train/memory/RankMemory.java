package io.kinema.train.memory;

import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Trainable;
import io.kinema.train.dist.reduction.ReductionTree;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.Recompute;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.save.StateStore;
import io.kinema.train.step.GradientSum;
import io.kinema.train.step.Sharding;
import io.kinema.train.step.TrainState;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The memory of one rank that trains on the device {@code cpu}, found by running its own code on a device that
 * allocates and does not compute. The JVM's own memory is not part of it.
 *
 * @param weightBytes working weights: all of them, or, in stage 3, shards and room for the groups that a pass works
 *     with
 * @param optimizerBytes moments, average, and master weights where they are not the working weights: of this rank's
 *     shard
 * @param gradientBytes gradients of microbatches and their sums
 * @param packedBytes weights laid out for products
 * @param workspaceBytes activations of the largest microbatch, and what is computed on the way
 * @param exchangeBytes what a checkpoint takes on its way to files
 */
public record RankMemory(
        long weightBytes,
        long optimizerBytes,
        long gradientBytes,
        long packedBytes,
        long workspaceBytes,
        long exchangeBytes) {

    /**
     * What decides how much memory a run needs.
     *
     * @param config of the run
     * @param recompute what backward computes again
     * @param threads of each rank
     * @param nodes how many ranks
     * @param zero what each of them keeps only its shard of
     * @param copiesCheckpoints whether a copy of the state is written while training goes on
     */
    public record Setup(
            Recipe config, Recompute recompute, int threads, int nodes, ZeroStage zero, boolean copiesCheckpoints) {
        Setup with(Recipe other) {
            return new Setup(other, recompute, threads, nodes, zero, copiesCheckpoints);
        }

        Setup with(Recompute other) {
            return new Setup(config, other, threads, nodes, zero, copiesCheckpoints);
        }

        Setup with(ZeroStage other) {
            return new Setup(config, recompute, threads, nodes, other, copiesCheckpoints);
        }

        Setup withoutCopies() {
            return new Setup(config, recompute, threads, nodes, zero, false);
        }

        Setup withNodes(int other) {
            return new Setup(config, recompute, threads, other, zero, copiesCheckpoints);
        }
    }

    /**
     * Finds the memory of every rank.
     *
     * @param need what is run
     * @param largest the microbatches that need the most
     * @return one a rank
     */
    static List<RankMemory> of(Setup need, List<Microbatch> largest) {
        List<RankMemory> ranks = new ArrayList<>();
        RankMemory first = ofRank(need, 0, largest);
        ranks.add(first);
        for (int rank = 1; rank < need.nodes; rank++) {
            RankMemory other = ofRank(need, rank, List.of());
            ranks.add(new RankMemory(
                    other.weightBytes,
                    other.optimizerBytes,
                    other.gradientBytes,
                    first.packedBytes,
                    first.workspaceBytes,
                    other.exchangeBytes));
        }
        return ranks;
    }

    /** The memory of one of the ranks. */
    static RankMemory ofRank(Setup need, int rank, List<Microbatch> batches) {
        try (CpuDevice device = CpuDevice.planning(need.config.precision().workingType(), need.threads)) {
            Sharding sharding = new Sharding(need.zero, rank, need.nodes);
            Trainable trained = new DiffusionLoss(new SpacetimeDit(need.config.model(), need.recompute), device);
            TrainState state = new TrainState(need.config, trained.layout(), device, sharding, Optional.empty());
            long weights = state.weights().bytes();
            long optimizer = device.footprint().tensorBytes() - weights;
            goThroughStep(trained, state, need.config.tree());
            long gradients = device.footprint().tensorBytes() - weights - optimizer;

            // In place of those that were counted, as batches are not a step.
            ParameterSet sums = ParameterSet.gradients(device, trained.layout());
            for (Microbatch batch : batches) {
                try (Device.Scope _ = device.openScope()) {
                    trained.forwardBackward(new Gradients(state.weights(), sums), batch, 1);
                }
            }
            return new RankMemory(
                    weights,
                    optimizer,
                    gradients,
                    device.footprint().packedBytes(),
                    device.footprint().workspacePeakBytes(),
                    StateStore.hostBytes(state, need.copiesCheckpoints));
        }
    }

    /** Sums gradients as in a step, without computing any. */
    private static void goThroughStep(Trainable trained, TrainState state, ReductionTree tree) {
        GradientSum sums = new GradientSum(state.ranks(), state.groups(), tree);
        Gradients to = new Gradients(state.weights(), sums);
        for (int round = 0; round < sums.numRounds(); round++) {
            for (int microbatch : sums.microbatches(round)) {
                sums.begin(round, microbatch);
                trained.visitGroups(to);
            }
        }
        sums.await();
    }

    /** All of it. */
    long totalBytes() {
        return weightBytes + optimizerBytes + gradientBytes + packedBytes + workspaceBytes + exchangeBytes;
    }
}
