package io.kinema.train.step;

import io.kinema.train.dist.collective.Pending;
import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterVector;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Of all weights this rank's shard (ZeRO stage 3): a group is gathered before a pass works with it, the next one
 * meanwhile, and forgotten after. All ranks go through the groups in the same order.
 */
final class GatheredWeights implements WorkingWeights {
    /** The one that a pass works with, and the next. */
    private static final int AT_ONCE = 2;

    private final GroupExchange ranks;
    private final List<Group> groups;
    private final List<Tensor> shards = new ArrayList<>();
    private final VectorPool pool;
    /** By group, where it is or will be whole; null where it is not. */
    private final Gathered[] gathered;
    /** Whether the pass enters next the group that it is in. */
    private boolean isTurning;

    /** A group that is whole when what is pending has come. */
    private record Gathered(ParameterVector vector, Optional<Pending> pending) {}

    /** Allocates this rank's shards, all zero, and room for the groups of a pass. */
    GatheredWeights(GroupExchange ranks, List<Group> groups) {
        this.ranks = ranks;
        this.groups = groups;
        Device device = ranks.device();
        pool = new VectorPool(device, device.workingType(), groups);
        pool.reserve(AT_ONCE);
        gathered = new Gathered[groups.size()];
        for (Group group : groups) {
            shards.add(device.zeros(device.workingType(), ranks.sharding().allocated(group)));
        }
    }

    @Override
    public Tensor get(Entry entry) {
        return gathered[entry.group()].vector.get(groups.get(entry.group()), entry);
    }

    @Override
    public void enter(Group group, Group next) {
        gather(group);
        isTurning = next.index() == group.index();
        gather(next);
        Gathered now = gathered[group.index()];
        now.pending.ifPresent(Pending::await);
    }

    @Override
    public void leave(Group group) {
        if (!isTurning) {
            forget(group);
        }
    }

    private void gather(Group group) {
        if (gathered[group.index()] != null) {
            return;
        }
        ParameterVector vector = pool.take(group);
        long size = ranks.sharding().size(group);
        if (size > 0) {
            Device device = ranks.device();
            device.copy(device.view(vector.flat(), ranks.sharding().offset(group), size), shards.get(group.index()));
        }
        gathered[group.index()] = new Gathered(vector, ranks.gather(group, vector.flat()));
    }

    private void forget(Group group) {
        pool.give(group, gathered[group.index()].vector);
        gathered[group.index()] = null;
    }

    @Override
    public Tensor shard(Group group) {
        return shards.get(group.index());
    }

    @Override
    public long bytes() {
        return pool.bytes()
                + shards.stream()
                        .mapToLong(shard -> shard.size() * shard.dtype().bytes())
                        .sum();
    }

    @Override
    public void beginGather(Group group) {
        if (gathered[group.index()] != null) {
            forget(group);
        }
    }
}
