package io.kinema.train;

import io.kinema.data.ConfigException;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.CheckpointState;
import io.kinema.train.dist.CollectiveBuffer;
import io.kinema.train.dist.Collectives;
import io.kinema.train.dist.StepLabel;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.optim.LossScale;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Saves and restores the state of all ranks together. Rank 0 decides; a failure anywhere is a failure on every rank. */
final class Checkpoints {
    private static final int FIRST_MOMENT = 0;
    private static final int SECOND_MOMENT = 1;
    private static final int AVERAGE = 2;
    private static final byte[] DONE = {};

    private final CheckpointFolder folder;
    private final Collectives collectives;
    private final TrainState state;

    Checkpoints(CheckpointFolder folder, Collectives collectives, TrainState state) {
        this.folder = folder;
        this.collectives = collectives;
        this.state = state;
    }

    /** Something that can fail on one rank. */
    private interface Part {
        void run() throws IOException;
    }

    /** Does something on this rank, and fails on all ranks when it failed on any. */
    private void together(String what, Part part) throws IOException {
        StepLabel label = new StepLabel(state.step, what);
        byte[] mine = DONE;
        try {
            part.run();
        } catch (IOException | ConfigException e) {
            mine = e.getMessage() == null
                    ? e.toString().getBytes(StandardCharsets.UTF_8)
                    : e.getMessage().getBytes(StandardCharsets.UTF_8);
        }
        byte[][] all = collectives.allGather(label, mine);
        for (int rank = 0; rank < all.length; rank++) {
            if (all[rank].length > 0) {
                throw new IOException("rank " + rank + ": " + new String(all[rank], StandardCharsets.UTF_8));
            }
        }
    }

    /**
     * Writes a checkpoint of {@code state.step}. Afterwards {@link TrainState#hostFlat()} holds the averaged weights.
     *
     * @param description all but the weights
     * @throws IOException when any rank cannot write its part; the checkpoint does then not exist
     */
    void save(CheckpointState description) throws IOException {
        long step = state.step;
        boolean isFirst = state.rank() == 0;
        ParameterLayout layout = state.model().layout();
        together("checkpoint folder", () -> {
            if (isFirst) {
                folder.begin(step);
            }
        });
        together("optimizer state", () -> {
            try (Arena arena = Arena.ofConfined()) {
                List<MemorySegment> moments = List.of(hostCopy(FIRST_MOMENT, arena), hostCopy(SECOND_MOMENT, arena));
                String file = CheckpointFolder.optimizerFile(
                        state.rank(), state.shards().worldSize());
                folder.writeOptimizer(step, file, layout, state.shards().offset(state.rank()), moments);
            }
        });
        try (Arena arena = Arena.ofConfined()) {
            gather("master weights", state.optimizer().master());
            MemorySegment weights = isFirst
                    ? arena.allocate(state.hostFlat().byteSize(), Long.BYTES).copyFrom(state.hostFlat())
                    : MemorySegment.NULL;
            gather("averaged weights", state.optimizer().state()[AVERAGE]);
            together("checkpoint", () -> {
                if (isFirst) {
                    folder.commit(description, layout, weights, state.hostFlat());
                }
            });
        }
    }

    /** The most host memory that {@link #save} takes beside {@link TrainState#hostFlat()}: both moments of the shard, then, on rank 0, all weights. */
    static long hostBytes(TrainState state) {
        long moments = 2L * state.shardSize() * Float.BYTES;
        return state.rank() == 0 ? Math.max(moments, state.hostFlat().byteSize()) : moments;
    }

    private MemorySegment hostCopy(int which, Arena arena) {
        MemorySegment copy = arena.allocate((long) state.shardSize() * Float.BYTES, Long.BYTES);
        if (state.shardSize() > 0) {
            state.device().read(state.optimizer().state()[which], 0, copy);
        }
        return copy;
    }

    /** Puts a vector, of which each rank holds its shard, into {@link TrainState#hostFlat()}. */
    private void gather(String what, Tensor shard) {
        state.readShard(shard);
        CollectiveBuffer all = CollectiveBuffer.of(state.hostFlat(), Float.BYTES);
        collectives
                .allGather(new StepLabel(state.step, what), state.shards(), all)
                .await();
    }

    /**
     * Restores a checkpoint; {@code state.step} then says from where training goes on.
     *
     * @param checkpoint of the same model
     * @throws IOException when any rank cannot read it
     */
    void restore(Checkpoint checkpoint) throws IOException {
        together("reading the checkpoint", () -> read(checkpoint));
    }

    private void read(Checkpoint checkpoint) throws IOException {
        Device device = state.device();
        ParameterLayout layout = state.model().layout();
        checkpoint.readModel(layout, state.hostFlat());
        state.setWeights();
        checkpoint.readEma(layout, state.hostFlat());
        Tensor[] tensors = state.optimizer().state();
        if (state.shardSize() > 0) {
            device.write(tensors[AVERAGE], 0, state.hostShard());
            try (Arena arena = Arena.ofConfined()) {
                long bytes = (long) state.shardSize() * Float.BYTES;
                MemorySegment first = arena.allocate(bytes, Long.BYTES);
                MemorySegment second = arena.allocate(bytes, Long.BYTES);
                checkpoint.readOptimizer(layout, state.shards().offset(state.rank()), first, second);
                device.write(tensors[FIRST_MOMENT], 0, first);
                device.write(tensors[SECOND_MOMENT], 0, second);
            }
        }
        CheckpointState found = checkpoint.state();
        state.step = found.step();
        state.skippedSteps = found.skippedSteps();
        if (!state.lossScale.equals(LossScale.NONE) && found.lossScale() > 0) {
            state.lossScale = new LossScale(found.lossScale(), found.goodSteps());
        }
    }
}
