package io.kinema.train.step;

import io.kinema.train.dist.collective.Pending;
import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterVector;
import io.kinema.train.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * All weights on every rank. The shards that others have changed come while this rank goes on, until a pass needs them.
 */
final class ReplicatedWeights implements WorkingWeights {
    private final GroupExchange ranks;
    private final List<Group> groups;
    private final List<ParameterVector> vectors = new ArrayList<>();
    private final List<Optional<Pending>> coming = new ArrayList<>();

    /** Allocates all weights, all zero. */
    ReplicatedWeights(GroupExchange ranks, List<Group> groups) {
        this.ranks = ranks;
        this.groups = groups;
        for (Group group : groups) {
            vectors.add(ParameterVector.allocate(ranks.device(), ranks.device().workingType(), group));
            coming.add(Optional.empty());
        }
    }

    @Override
    public Tensor get(Entry entry) {
        return vectors.get(entry.group()).get(groups.get(entry.group()), entry);
    }

    @Override
    public void enter(Group group, Group next) {
        coming.set(group.index(), Optional.empty()).ifPresent(Pending::await);
    }

    @Override
    public Tensor shard(Group group) {
        int size = ranks.sharding().size(group);
        Tensor flat = vectors.get(group.index()).flat();
        return size == 0
                ? ranks.device().zeros(flat.dtype(), 1)
                : ranks.device().view(flat, ranks.sharding().offset(group), size);
    }

    @Override
    public long bytes() {
        return vectors.stream().mapToLong(ParameterVector::bytes).sum();
    }

    @Override
    public void beginGather(Group group) {
        coming.set(group.index(), ranks.gather(group, vectors.get(group.index()).flat()));
    }
}
