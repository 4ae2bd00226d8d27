package io.kinema.train.step;

import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.optim.LossScale;
import io.kinema.train.optim.ShardedAdamW;
import io.kinema.train.optim.Spikes;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.tensor.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What training changes, on one rank: working weights, and this rank's shards of the master weights and of the
 * optimizer's state.
 */
public final class TrainState {
    private final Device device;
    private final ParameterLayout layout;
    private final List<Group> groups;
    private final GroupExchange ranks;
    private final WorkingWeights weights;
    private final List<ShardedAdamW> optimizers = new ArrayList<>();

    /** How many steps have been made. */
    public long step;

    /**
     * How many of them are not part of the weights: their gradient had overflowed, or they were spikes, or came to
     * nothing because training went back.
     */
    public long skippedSteps;

    /** Of the next step. */
    public LossScale lossScale;

    /** Of the steps so far. */
    public Spikes spikes = Spikes.NONE;

    /**
     * Allocates everything, all zero.
     *
     * @param config of the run
     * @param layout of the network's parameters
     * @param device of every tensor
     * @param sharding who keeps what
     * @param collectives with the other ranks; empty where there are none, or where memory is only planned
     */
    public TrainState(
            Recipe config,
            ParameterLayout layout,
            Device device,
            Sharding sharding,
            Optional<Collectives> collectives) {
        this.device = device;
        this.layout = layout;
        groups = layout.groups();
        ranks = new GroupExchange(device, sharding, sharding.isAlone() ? Optional.empty() : collectives, () -> step);
        weights = sharding.stage() == ZeroStage.PARAMETERS && !sharding.isAlone()
                ? new GatheredWeights(ranks, groups)
                : new ReplicatedWeights(ranks, layout);
        for (Group group : groups) {
            optimizers.add(new ShardedAdamW(
                    device,
                    config.adamw(),
                    weights.shard(group),
                    group.stretches(sharding.offset(group), sharding.size(group))));
        }
        lossScale = config.precision().scalesLoss() ? LossScale.INITIAL : LossScale.NONE;
    }

    /**
     * Starts the model, the same on every rank.
     *
     * @param seed of the run
     */
    public void initialise(long seed) {
        for (Group group : groups) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment values = arena.allocate(group.size() * Float.BYTES, Long.BYTES);
                ParameterLayout.initialise(seed, group, values);
                optimizer(group).writeMaster(sharding().part(group, values));
            }
            optimizer(group).startAverage();
        }
        weightsChanged();
    }

    /** Says that every rank has replaced its shards of the weights. */
    public void weightsChanged() {
        groups.forEach(weights::beginGather);
    }

    /**
     * Returns where every tensor lives.
     *
     * @return the device
     */
    public Device device() {
        return device;
    }

    /**
     * Returns where the parameters stand.
     *
     * @return the layout
     */
    public ParameterLayout layout() {
        return layout;
    }

    /**
     * The groups of the model's parameters.
     *
     * @return in the order of a forward pass
     */
    public List<Group> groups() {
        return groups;
    }

    /**
     * Who exchanges gradients and weights.
     *
     * @return the exchange
     */
    public GroupExchange ranks() {
        return ranks;
    }

    /**
     * Returns the working weights.
     *
     * @return the weights that layers multiply by
     */
    public WorkingWeights weights() {
        return weights;
    }

    /**
     * Of this rank's shard of a group.
     *
     * @param group of the model
     * @return its optimizer
     */
    public ShardedAdamW optimizer(Group group) {
        return optimizers.get(group.index());
    }

    /**
     * Returns who keeps what.
     *
     * @return the same for all groups
     */
    public Sharding sharding() {
        return ranks.sharding();
    }

    /**
     * Returns this rank.
     *
     * @return from 0
     */
    public int rank() {
        return sharding().rank();
    }
}
