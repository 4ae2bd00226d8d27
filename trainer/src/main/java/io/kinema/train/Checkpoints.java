package io.kinema.train;

import io.kinema.data.ConfigException;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.CheckpointState;
import io.kinema.train.checkpoint.CheckpointWriter;
import io.kinema.train.checkpoint.WeightsKind;
import io.kinema.train.dist.CollectiveBuffer;
import io.kinema.train.dist.Collectives;
import io.kinema.train.dist.StepLabel;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.optim.LossScale;
import io.kinema.train.optim.ShardedAdamW;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

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
     * Writes a checkpoint of {@code state.step}.
     *
     * @param description all but the weights
     * @throws IOException when any rank cannot write its part; the checkpoint does then not exist
     */
    void save(CheckpointState description) throws IOException {
        CheckpointWriter writer = folder.writer(state.step);
        boolean isFirst = state.rank() == 0;
        together("checkpoint folder", () -> {
            if (isFirst) {
                writer.begin();
            }
        });
        together("optimizer state", () -> writeOptimizer(writer));
        Optional<IOException> problem = writeWeights(writer);
        together("checkpoint", () -> {
            if (!isFirst) {
                return;
            }
            try {
                if (problem.isPresent()) {
                    throw problem.get();
                }
                writer.commit(description);
            } catch (IOException e) {
                throw writer.abandoned(e);
            }
        });
    }

    /** The most host memory that {@link #save} takes: both moments of the shards, or all weights of a group. */
    static long hostBytes(TrainState state) {
        long moments = state.groups().stream()
                .mapToLong(group -> 2L * state.sharding().size(group))
                .sum();
        return Math.max(moments, largestGroup(state)) * Float.BYTES;
    }

    private static long largestGroup(TrainState state) {
        return state.groups().stream().mapToLong(Group::size).max().orElseThrow();
    }

    private void writeOptimizer(CheckpointWriter writer) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            List<CheckpointWriter.Moments> shares = new ArrayList<>();
            for (Group group : state.groups()) {
                int size = state.sharding().size(group);
                if (size == 0) {
                    continue;
                }
                MemorySegment first = host(arena, size);
                MemorySegment second = host(arena, size);
                Tensor[] tensors = state.optimizer(group).state();
                state.device().read(tensors[FIRST_MOMENT], 0, first);
                state.device().read(tensors[SECOND_MOMENT], 0, second);
                long from = group.offset() + state.sharding().offset(group);
                shares.add(new CheckpointWriter.Moments(from, first, second));
            }
            writer.writeOptimizer(
                    state.rank(), state.sharding().worldSize(), state.model().layout(), shares);
        }
    }

    private static MemorySegment host(Arena arena, long numElements) {
        return arena.allocate(numElements * Float.BYTES, Long.BYTES);
    }

    /** Gathers weights and their average, a group at a time, and writes them on rank 0; returns what kept it from that. */
    private Optional<IOException> writeWeights(CheckpointWriter writer) {
        IOException problem = null;
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = host(arena, largestGroup(state));
            for (WeightsKind kind : WeightsKind.values()) {
                try (CheckpointWriter.WeightsFile file =
                        writer.weights(kind, state.model().layout())) {
                    for (Group group : state.groups()) {
                        MemorySegment values = memory.asSlice(0, (long) group.size() * Float.BYTES);
                        gather(kind, group, values);
                        // The others go through all groups, so rank 0 does too.
                        if (state.rank() == 0 && problem == null) {
                            problem = append(file, group, values);
                        }
                    }
                } catch (IOException e) {
                    problem = e;
                }
            }
        }
        return Optional.ofNullable(problem);
    }

    private static IOException append(CheckpointWriter.WeightsFile file, Group group, MemorySegment values) {
        try {
            file.append(group, values);
            return null;
        } catch (IOException e) {
            return e;
        }
    }

    private void gather(WeightsKind kind, Group group, MemorySegment values) {
        ShardedAdamW optimizer = state.optimizer(group);
        int size = state.sharding().size(group);
        if (size > 0) {
            Tensor shard = switch (kind) {
                case MODEL -> optimizer.master();
                case EMA -> optimizer.state()[AVERAGE];
            };
            long offset = (long) state.sharding().offset(group) * Float.BYTES;
            state.device().read(shard, 0, values.asSlice(offset, (long) size * Float.BYTES));
        }
        StepLabel label = new StepLabel(state.step, kind.file(), group.index());
        collectives
                .allGather(label, state.sharding().of(group), CollectiveBuffer.of(values, Float.BYTES))
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
        state.weightsChanged();
    }

    private void read(Checkpoint checkpoint) throws IOException {
        Device device = state.device();
        ParameterLayout layout = state.model().layout();
        for (Group group : state.groups()) {
            int size = state.sharding().size(group);
            if (size == 0) {
                continue;
            }
            long from = group.offset() + state.sharding().offset(group);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment values = host(arena, size);
                MemorySegment second = host(arena, size);
                Tensor[] tensors = state.optimizer(group).state();
                checkpoint.readWeights(WeightsKind.MODEL, layout, from, values);
                state.optimizer(group).writeMaster(values);
                checkpoint.readWeights(WeightsKind.EMA, layout, from, values);
                device.write(tensors[AVERAGE], 0, values);
                checkpoint.readOptimizer(layout, from, values, second);
                device.write(tensors[FIRST_MOMENT], 0, values);
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
