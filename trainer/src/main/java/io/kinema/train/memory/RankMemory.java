package io.kinema.train.memory;

import io.kinema.train.device.DeviceConfig;
import io.kinema.train.device.Devices;
import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Trainable;
import io.kinema.train.model.Recompute;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.save.StateStore;
import io.kinema.train.step.Sharding;
import io.kinema.train.step.StepPasses;
import io.kinema.train.step.TrainState;
import io.kinema.train.tensor.MeteredDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The memory of one rank found by running its own code on a device that allocates and does not compute. The JVM's own
 * memory is not part of it.
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
     * @param device of each rank, of a kind that plans memory; its precision is the config's
     * @param nodes how many ranks
     * @param zero what each of them keeps only its shard of
     * @param copiesCheckpoints whether a copy of the state is written while training goes on
     */
    public record Setup(
            Recipe config,
            Recompute recompute,
            DeviceConfig device,
            int nodes,
            ZeroStage zero,
            boolean copiesCheckpoints) {
        Setup with(Recipe other) {
            return new Setup(other, recompute, device, nodes, zero, copiesCheckpoints);
        }

        Setup with(Recompute other) {
            return new Setup(config, other, device, nodes, zero, copiesCheckpoints);
        }

        Setup with(ZeroStage other) {
            return new Setup(config, recompute, device, nodes, other, copiesCheckpoints);
        }

        Setup withoutCopies() {
            return new Setup(config, recompute, device, nodes, zero, false);
        }

        Setup withNodes(int other) {
            return new Setup(config, recompute, device, other, zero, copiesCheckpoints);
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

    /** The memory of one of the ranks, which meets each of the batches. */
    static RankMemory ofRank(Setup need, int rank, List<Microbatch> batches) {
        try (MeteredDevice device = Devices.plan(need.device.with(need.config.precision()))) {
            Sharding sharding = new Sharding(need.zero, rank, need.nodes);
            Trainable trained = new DiffusionLoss(new SpacetimeDit(need.config.model(), need.recompute), device);
            TrainState state = new TrainState(need.config, trained.layout(), device, sharding, Optional.empty());
            long weights = state.weights().bytes();
            long optimizer = device.footprint().tensorBytes() - weights;
            StepPasses passes = new StepPasses(need.config, trained, state);
            passes.plan(batches);
            return new RankMemory(
                    weights,
                    optimizer,
                    device.footprint().tensorBytes() - weights - optimizer,
                    device.footprint().packedBytes(),
                    device.footprint().workspacePeakBytes(),
                    StateStore.hostBytes(state, need.copiesCheckpoints));
        }
    }

    /** All of it. */
    long totalBytes() {
        return weightBytes + optimizerBytes + gradientBytes + packedBytes + workspaceBytes + exchangeBytes;
    }
}
