package io.kinema.train.step;

import io.kinema.train.dist.collective.Pending;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * All weights on every rank. The shards that others have changed come while this rank goes on, until a pass needs them.
 */
final class ReplicatedWeights implements WorkingWeights {
    private final GroupExchange ranks;
    private final ParameterSet weights;
    /** By group. */
    private final List<Optional<Pending>> coming;

    /** Allocates all weights, all zero. */
    ReplicatedWeights(GroupExchange ranks, ParameterLayout layout) {
        this.ranks = ranks;
        weights = ParameterSet.weights(ranks.device(), layout);
        coming = new ArrayList<>(Collections.nCopies(layout.groups().size(), Optional.empty()));
    }

    @Override
    public Tensor get(Entry entry) {
        return weights.get(entry);
    }

    @Override
    public void enter(Group group, Group next) {
        coming.set(group.index(), Optional.empty()).ifPresent(Pending::await);
    }

    @Override
    public Tensor shard(Group group) {
        long size = ranks.sharding().size(group);
        Tensor flat = weights.flat(group);
        return size == 0
                ? ranks.device().zeros(flat.dtype(), 1)
                : ranks.device().view(flat, ranks.sharding().offset(group), size);
    }

    @Override
    public long bytes() {
        return weights.bytes();
    }

    @Override
    public void beginGather(Group group) {
        coming.set(group.index(), ranks.gather(group, weights.flat(group)));
    }
}
