package io.kinema.train.save;

import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.CheckpointState;
import io.kinema.train.checkpoint.Disk;
import io.kinema.train.checkpoint.WeightsKind;
import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.StepLabel;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.optim.LossScale;
import io.kinema.train.step.TrainState;
import io.kinema.train.tensor.Tensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;

/** Reads checkpoints into the state of all ranks together. */
final class StateReader {
    private final TrainState state;
    private final Collectives collectives;
    private final StorageWait storage;
    private final Disk disk;

    StateReader(StateCopy copy, StorageWait storage, CheckpointFolder folder) {
        state = copy.state();
        collectives = copy.collectives();
        this.storage = storage;
        disk = folder.disk();
    }

    private StepLabel label(String what) {
        return new StepLabel(state.step, what);
    }

    /**
     * Opens a checkpoint on rank 0, whose word is that of all: what other hosts' file systems show them may be older.
     */
    Checkpoint open(Path path) throws IOException {
        ByteArrayOutputStream described = new ByteArrayOutputStream();
        storage.run(label("opening the checkpoint"), () -> {
            if (state.rank() == 0) {
                described.writeBytes(Checkpoint.open(path).describe());
            }
        });
        return Checkpoint.described(path, broadcast("what the checkpoint is", described.toByteArray()));
    }

    /** Gives all ranks what rank 0 has, of any length. */
    private byte[] broadcast(String what, byte[] ofFirst) {
        ByteBuffer length = ByteBuffer.allocate(Integer.BYTES).putInt(0, ofFirst.length);
        collectives.broadcast(label(what), 0, bytes(length.array())).await();
        byte[] ofAll = Arrays.copyOf(ofFirst, length.getInt(0));
        collectives.broadcast(label(what), 0, bytes(ofAll)).await();
        return ofAll;
    }

    private static CollectiveBuffer bytes(byte[] array) {
        return CollectiveBuffer.of(MemorySegment.ofArray(array), Byte.BYTES);
    }

    /** Has rank 0 read every file against its digest. */
    void verify(Checkpoint checkpoint) throws IOException {
        storage.begin("verifying " + checkpoint.folder().getFileName(), checkpoint.totalBytes());
        storage.run(label("verifying the checkpoint"), () -> {
            if (state.rank() == 0) {
                checkpoint.verify(disk::read);
            }
        });
    }

    /** Reads this rank's shards, a group at a time, and then what goes with them. */
    void read(Checkpoint checkpoint) throws IOException {
        storage.begin("reading " + checkpoint.folder().getFileName(), checkpoint.totalBytes());
        StepLabel label = label("reading the checkpoint");
        for (Group group : state.groups()) {
            long size = state.sharding().size(group);
            try (Arena arena = Arena.ofShared()) {
                MemorySegment first = StateCopy.allocate(arena, size);
                MemorySegment second = StateCopy.allocate(arena, size);
                storage.run(label, () -> readWeights(checkpoint, group, first, second));
                if (size > 0) {
                    Tensor average = state.optimizer(group).state()[StateCopy.AVERAGE];
                    state.optimizer(group).writeMaster(first);
                    state.device().write(average, 0, second);
                }
                storage.run(label, () -> readMoments(checkpoint, group, first, second));
                if (size > 0) {
                    StateCopy.writeMoments(state, group, first, second);
                }
            }
        }
        CheckpointState found = checkpoint.state();
        state.step = found.step();
        state.skippedSteps = found.skippedSteps();
        state.spikes = found.spikes();
        if (!state.lossScale.equals(LossScale.NONE) && found.lossScale() > 0) {
            state.lossScale = new LossScale(found.lossScale(), found.goodSteps());
        }
    }

    private void readWeights(Checkpoint checkpoint, Group group, MemorySegment weights, MemorySegment average)
            throws IOException {
        if (weights.byteSize() > 0) {
            ParameterLayout layout = state.layout();
            checkpoint.readWeights(WeightsKind.MODEL, layout, from(group), weights);
            checkpoint.readWeights(WeightsKind.EMA, layout, from(group), average);
            disk.read(2 * weights.byteSize());
        }
    }

    private void readMoments(Checkpoint checkpoint, Group group, MemorySegment first, MemorySegment second)
            throws IOException {
        if (first.byteSize() > 0) {
            checkpoint.readOptimizer(state.layout(), from(group), first, second);
            disk.read(2 * first.byteSize());
        }
    }

    private long from(Group group) {
        return group.offset() + state.sharding().offset(group);
    }
}
