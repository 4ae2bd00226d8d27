package io.kinema.train.save;

import io.kinema.train.checkpoint.CheckpointWriter.Moments;
import io.kinema.train.checkpoint.WeightsKind;
import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.StepLabel;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.optim.ShardedAdamW;
import io.kinema.train.step.TrainState;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Copies what a checkpoint holds from the ranks' devices to host memory.
 *
 * @param state of this rank
 * @param collectives with the others
 */
public record StateCopy(TrainState state, Collectives collectives) {
    private static final int FIRST_MOMENT = 0;
    private static final int SECOND_MOMENT = 1;
    static final int AVERAGE = 2;

    /** Room for fp32 values. */
    static MemorySegment allocate(Arena arena, long numElements) {
        return arena.allocate(numElements * Float.BYTES, Long.BYTES);
    }

    /** Bytes of {@link #allocateMoments}. */
    static long momentBytes(TrainState state) {
        return state.groups().stream()
                .mapToLong(group -> 2L * Float.BYTES * state.sharding().size(group))
                .sum();
    }

    /** Room for both moments of each of this rank's shards that is not empty. */
    List<Moments> allocateMoments(Arena arena) {
        List<Moments> moments = new ArrayList<>();
        for (Group group : state.groups()) {
            long size = state.sharding().size(group);
            if (size > 0) {
                long from = group.offset() + state.sharding().offset(group);
                moments.add(new Moments(from, allocate(arena, size), allocate(arena, size)));
            }
        }
        return moments;
    }

    /** Copies both moments of this rank's shards. */
    void moments(List<Moments> to) {
        int next = 0;
        for (Group group : state.groups()) {
            if (state.sharding().size(group) > 0) {
                Tensor[] tensors = state.optimizer(group).state();
                Moments moments = to.get(next++);
                state.device().read(tensors[FIRST_MOMENT], 0, moments.first());
                state.device().read(tensors[SECOND_MOMENT], 0, moments.second());
            }
        }
    }

    /** Gathers the weights of a group, or their average, on every rank. */
    void weights(WeightsKind kind, Group group, MemorySegment to) {
        ShardedAdamW optimizer = state.optimizer(group);
        if (state.sharding().size(group) > 0) {
            Tensor shard = switch (kind) {
                case MODEL -> optimizer.master();
                case EMA -> optimizer.state()[AVERAGE];
            };
            state.device().read(shard, 0, state.sharding().part(group, to));
        }
        StepLabel label = new StepLabel(state.step, kind.file(), group.index());
        collectives
                .allGather(label, state.sharding().of(group), CollectiveBuffer.of(to, Float.BYTES))
                .await();
    }

    /** Puts moments back. */
    static void writeMoments(TrainState state, Group group, MemorySegment first, MemorySegment second) {
        Tensor[] tensors = state.optimizer(group).state();
        state.device().write(tensors[FIRST_MOMENT], 0, first);
        state.device().write(tensors[SECOND_MOMENT], 0, second);
    }
}
