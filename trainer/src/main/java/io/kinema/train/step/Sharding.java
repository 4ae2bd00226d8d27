package io.kinema.train.step;

import io.kinema.train.dist.reduction.ShardLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.tensor.Device;
import java.lang.foreign.MemorySegment;

/**
 * Who keeps what. Each group of parameters is cut into a shard for each rank.
 *
 * @param stage what is cut
 * @param rank this process
 * @param worldSize how many there are
 */
public record Sharding(ZeroStage stage, int rank, int worldSize) {
    /** Whether there is no rank to exchange anything with. */
    boolean isAlone() {
        return worldSize == 1;
    }

    /**
     * Who keeps which part of a group.
     *
     * @param group of the model
     * @return offsets and lengths, by rank
     */
    public ShardLayout of(Group group) {
        return new ShardLayout(group.size(), Device.SHARD_ALIGNMENT, worldSize);
    }

    /**
     * The first element of this rank's shard, counted from the beginning of the group.
     *
     * @param group of the model
     * @return in elements
     */
    public long offset(Group group) {
        return of(group).offset(rank);
    }

    /**
     * Elements of this rank's shard; 0 where there are more ranks than blocks.
     *
     * @param group of the model
     * @return in elements
     */
    public long size(Group group) {
        return of(group).length(rank);
    }

    /** Blocks of {@link Device#SHARD_ALIGNMENT} elements of a rank's shard. */
    int blocks(Group group, int ofRank) {
        return Math.toIntExact(of(group).length(ofRank) / Device.SHARD_ALIGNMENT);
    }

    /**
     * Of fp32 values of a whole group in host memory, those of this rank's shard.
     *
     * @param group of the model
     * @param values fp32 values of the whole group
     * @return a slice
     */
    public MemorySegment part(Group group, MemorySegment values) {
        return values.asSlice(offset(group) * Float.BYTES, size(group) * Float.BYTES);
    }

    /** As {@link #size}, but 1 where that is 0: tensors are not empty. */
    long allocated(Group group) {
        return Math.max(1, size(group));
    }
}
