package io.kinema.train;

import io.kinema.train.dist.Collectives;
import io.kinema.train.dist.ShardLayout;
import io.kinema.train.dist.StepLabel;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.Recompute;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.optim.LossScale;
import io.kinema.train.optim.ShardedAdamW;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What training changes, on one rank: all working weights, and this rank's shard of the master weights and of the optimizer's state. */
final class TrainState {
    private final Device device;
    private final SpacetimeDit model;
    private final ParameterSet weights;
    private final ShardedAdamW optimizer;
    private final ShardLayout shards;
    private final int rank;
    private final MemorySegment hostFlat;

    /** How many steps have been made. */
    long step;

    /** How many of them left the weights as they were, because the gradient had overflowed. */
    long skippedSteps;

    /** Of the next step. */
    LossScale lossScale;

    /**
     * Allocates everything, all zero.
     *
     * @param arena that host memory belongs to
     */
    TrainState(TrainConfig config, Recompute recompute, Device device, int rank, int worldSize, Arena arena) {
        this.device = device;
        this.rank = rank;
        model = new SpacetimeDit(config.model(), recompute);
        ParameterLayout layout = model.layout();
        weights = ParameterSet.weights(device, layout);
        shards = new ShardLayout(layout.flatSize(), Device.SHARD_ALIGNMENT, worldSize);
        optimizer = new ShardedAdamW(device, config.adamw(), weights.flat(), shards.offset(rank), shardSize());
        hostFlat = arena.allocate(layout.flatSize() * Float.BYTES, Long.BYTES);
        lossScale = config.precision().scalesLoss() ? LossScale.INITIAL : LossScale.NONE;
    }

    /** Starts the model, the same on every rank. */
    void initialise(long seed) {
        for (ParameterLayout.Entry entry : model.layout().entries()) {
            MemorySegment.copy(
                    model.layout().initial(seed, entry),
                    0,
                    hostFlat,
                    ValueLayout.JAVA_FLOAT,
                    entry.offset() * Float.BYTES,
                    entry.size());
        }
        setWeights();
        optimizer.startAverage();
    }

    /** Takes the weights from {@link #hostFlat()}, which holds all of them in fp32: this rank's shard is kept so, working weights are rounded. */
    void setWeights() {
        weights.write(device, 0, hostFlat);
        optimizer.writeMaster(hostShard());
    }

    Device device() {
        return device;
    }

    SpacetimeDit model() {
        return model;
    }

    ParameterSet weights() {
        return weights;
    }

    ShardedAdamW optimizer() {
        return optimizer;
    }

    ShardLayout shards() {
        return shards;
    }

    int rank() {
        return rank;
    }

    /** Elements of this rank's shard. */
    int shardSize() {
        return Math.toIntExact(shards.length(rank));
    }

    /** Host memory for one flat vector of fp32, for whoever exchanges one next. */
    MemorySegment hostFlat() {
        return hostFlat;
    }

    /** This rank's part of {@link #hostFlat()}. */
    MemorySegment hostShard() {
        return hostFlat.asSlice(shards.offset(rank) * Float.BYTES, shards.length(rank) * Float.BYTES);
    }

    /** Copies an fp32 tensor of the shard's size to {@link #hostShard()}. */
    void readShard(Tensor tensor) {
        if (shardSize() > 0) {
            device.read(tensor, 0, hostShard());
        }
    }

    /** Completes the working weights, of which each rank has updated its shard. */
    void gatherWeights(Collectives collectives) {
        if (shards.worldSize() == 1) {
            return;
        }
        collectives
                .allGather(new StepLabel(step, "weights"), shards, new DeviceBuffer(device, weights.flat()))
                .await();
    }
}
