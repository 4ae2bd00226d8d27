package io.kinema.train;

import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.dist.ReductionTree;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.Recompute;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The memory of one rank that trains on the device {@code cpu}, found by running its own code on a device that allocates and does not compute. The JVM's own
 * memory is not part of it.
 *
 * @param weightBytes working weights, all of them
 * @param optimizerBytes moments, average, and master weights where they are not the working weights: of this rank's shard
 * @param gradientBytes sums of microbatches
 * @param packedBytes weights laid out for products
 * @param workspaceBytes activations of the largest microbatch, and what is computed on the way
 * @param exchangeBytes vectors that are exchanged with other ranks and written to checkpoints
 */
record NodeMemory(
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
     */
    record Need(TrainConfig config, Recompute recompute, int threads, int nodes) {}

    /** Counts what is allocated; there is nothing behind it. */
    private static final class CountingArena implements Arena {
        private long bytes;

        @Override
        public MemorySegment allocate(long byteSize, long byteAlignment) {
            bytes += byteSize;
            return MemorySegment.NULL.reinterpret(byteSize);
        }

        @Override
        public MemorySegment.Scope scope() {
            return MemorySegment.NULL.scope();
        }

        @Override
        public void close() {}
    }

    /**
     * Finds the memory of every rank.
     *
     * @param need what is run
     * @param largest the microbatches that need the most
     * @return one a rank
     */
    static List<NodeMemory> of(Need need, List<Microbatch> largest) {
        List<NodeMemory> ranks = new ArrayList<>();
        NodeMemory first = ofRank(need, 0, largest);
        ranks.add(first);
        for (int rank = 1; rank < need.nodes; rank++) {
            NodeMemory other = ofRank(need, rank, List.of());
            ranks.add(new NodeMemory(
                    other.weightBytes,
                    other.optimizerBytes,
                    other.gradientBytes,
                    first.packedBytes,
                    first.workspaceBytes,
                    other.exchangeBytes));
        }
        return ranks;
    }

    private static NodeMemory ofRank(Need need, int rank, List<Microbatch> batches) {
        try (CpuDevice device = CpuDevice.planning(need.config.precision().workingType(), need.threads)) {
            CountingArena arena = new CountingArena();
            TrainState state = new TrainState(need.config, need.recompute, device, rank, need.nodes, arena);
            long weights = state.weights().flat().size()
                    * state.weights().flat().dtype().bytes();
            long optimizer = device.footprint().lastingBytes() - weights;

            GradientSum sum = new GradientSum(state, new ReductionTree(need.config.microbatches()));
            ParameterSet gradient = sum.zeroed();
            for (int leaf = sum.leaves().lo(); leaf < sum.leaves().hi(); leaf++) {
                sum.add(leaf, leaf == sum.leaves().lo() ? gradient : sum.zeroed());
            }
            long gradients = device.footprint().lastingBytes() - weights - optimizer;

            DiffusionLoss loss = new DiffusionLoss(state.model(), device);
            for (Microbatch batch : batches) {
                try (Device.Scope _ = device.openScope()) {
                    loss.forwardBackward(new Gradients(state.weights(), gradient), batch, 1);
                }
            }
            long packed = device.footprint().lastingBytes() - weights - optimizer - gradients;
            return new NodeMemory(
                    weights,
                    optimizer,
                    gradients,
                    packed,
                    device.footprint().workspacePeakBytes(),
                    arena.bytes + Checkpoints.hostBytes(state));
        }
    }

    /** All of it. */
    long totalBytes() {
        return weightBytes + optimizerBytes + gradientBytes + packedBytes + workspaceBytes + exchangeBytes;
    }
}
