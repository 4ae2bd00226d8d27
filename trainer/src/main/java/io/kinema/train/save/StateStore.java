package io.kinema.train.save;

import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.CheckpointState;
import io.kinema.train.checkpoint.CheckpointWriter;
import io.kinema.train.checkpoint.WeightsKind;
import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.StepLabel;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.optim.LossScale;
import io.kinema.train.optim.Spikes;
import io.kinema.train.run.Recipe;
import io.kinema.train.step.StepReport;
import io.kinema.train.step.TrainState;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;

/**
 * Saves and restores the state of all ranks together. Rank 0 decides; a failure anywhere is a failure on every rank.
 */
public final class StateStore implements AutoCloseable {
    private static final byte[] DONE = {};

    private final CheckpointFolder folder;
    private final Collectives collectives;
    private final TrainState state;
    private final StateCopy copy;
    private final Cleanup cleanup;
    private final Optional<BackgroundCheckpoint> background;

    /**
     * Saves into a folder.
     *
     * @param folder of the run's checkpoints
     * @param copy of the state
     * @param cleanup what rank 0 does when a checkpoint is complete
     * @param thread that writes while training goes on, closed with this; empty where training waits
     */
    public StateStore(CheckpointFolder folder, StateCopy copy, Cleanup cleanup, Optional<ExecutorService> thread) {
        this.folder = folder;
        this.copy = copy;
        this.collectives = copy.collectives();
        this.state = copy.state();
        this.cleanup = cleanup;
        this.background = thread.map(given -> new BackgroundCheckpoint(copy, given));
    }

    /** Deletes checkpoints that are not kept. */
    public interface Cleanup {
        /**
         * Deletes, but not that of a step which training may go back to; 0 where there is none.
         *
         * @param step the checkpoint that must stay
         * @throws IOException when a file or a connection fails
         */
        void keeping(long step) throws IOException;
    }

    /** Something that can fail on one rank. */
    private interface RankTask {
        void run() throws IOException;
    }

    /** Does something on this rank, and fails on all ranks when it failed on any. */
    private void runOnAllRanks(String what, RankTask part) throws IOException {
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
     * Writes a checkpoint of {@code state.step}, or begins to where that is done while training goes on. One that is
     * still being written is awaited first.
     *
     * @param description all but the weights
     * @throws IOException when any rank cannot write its part; the checkpoint does then not exist
     */
    public void save(CheckpointState description) throws IOException {
        finish();
        CheckpointWriter writer = folder.writer(state.step);
        runOnAllRanks("checkpoint folder", () -> {
            if (state.rank() == 0) {
                writer.begin();
            }
        });
        if (background.isPresent()) {
            background.get().copy();
            background.get().write(writer, description);
        } else {
            writeNow(writer, description);
        }
    }

    /**
     * Waits for a checkpoint that is being written, if there is one.
     *
     * @throws IOException when any rank cannot write its part; the checkpoint does then not exist
     */
    public void finish() throws IOException {
        if (background.isEmpty() || !background.get().isPending()) {
            return;
        }
        BackgroundCheckpoint pending = background.get();
        try {
            runOnAllRanks("files of the checkpoint", pending::awaitWritten);
            pending.commit(cleanup);
            runOnAllRanks("checkpoint", pending::awaitCommitted);
        } catch (IOException e) {
            throw pending.abandoned(e);
        }
        pending.end();
    }

    /**
     * What this rank tells the others in a step's exchange.
     *
     * @param stopRequested whether this rank was asked to stop
     * @return what the other ranks must hear
     */
    public StepReport.RankStatus notice(boolean stopRequested) {
        return new StepReport.RankStatus(
                stopRequested,
                background.map(BackgroundCheckpoint::hasWritten).orElse(true),
                background.map(BackgroundCheckpoint::hasFailed).orElse(false));
    }

    /**
     * Goes on with a checkpoint that is being written, after a step.
     *
     * @param all what all ranks have told
     * @throws IOException when any rank could not write its part; the checkpoint does then not exist
     */
    public void proceed(StepReport.RankStatus all) throws IOException {
        if (all.hasFailed()) {
            finish();
        } else if (all.hasWritten()
                && background.isPresent()
                && background.get().isPending()) {
            background.get().commit(cleanup);
        }
    }

    private void writeNow(CheckpointWriter writer, CheckpointState description) throws IOException {
        boolean isFirst = state.rank() == 0;
        runOnAllRanks("optimizer state", () -> writeOptimizer(writer));
        Optional<IOException> problem = writeWeights(writer);
        runOnAllRanks("checkpoint", () -> {
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
            cleanup.keeping(state.spikes.checkpoint());
        });
    }

    /**
     * The most host memory that {@link #save} takes: both moments of the shards, or all weights of a group; a whole
     * copy where it is written while training goes on.
     *
     * @param state of this rank
     * @param inBackground whether training goes on meanwhile
     * @return bytes
     */
    public static long hostBytes(TrainState state, boolean inBackground) {
        return inBackground
                ? BackgroundCheckpoint.hostBytes(state)
                : Math.max(StateCopy.momentBytes(state), Float.BYTES * largestGroup(state));
    }

    static long largestGroup(TrainState state) {
        return state.groups().stream().mapToLong(Group::size).max().orElseThrow();
    }

    private void writeOptimizer(CheckpointWriter writer) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            List<CheckpointWriter.Moments> moments = copy.allocateMoments(arena);
            copy.moments(moments);
            writer.writeOptimizer(state.rank(), state.sharding().worldSize(), state.layout(), moments);
        }
    }

    /**
     * Gathers weights and their average, a group at a time, and writes them on rank 0; returns what kept it from that.
     */
    private Optional<IOException> writeWeights(CheckpointWriter writer) {
        IOException problem = null;
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = StateCopy.allocate(arena, largestGroup(state));
            for (WeightsKind kind : WeightsKind.values()) {
                try (CheckpointWriter.WeightsFile file = writer.weights(kind, state.layout())) {
                    for (Group group : state.groups()) {
                        MemorySegment values = memory.asSlice(0, group.size() * Float.BYTES);
                        copy.weights(kind, group, values);
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

    /**
     * Restores a checkpoint; {@code state.step} then says from where training goes on.
     *
     * @param path of a checkpoint of the same model, verified
     * @throws IOException when any rank cannot read it
     */
    public void restore(Path path) throws IOException {
        Checkpoint checkpoint = open(path);
        runOnAllRanks("reading the checkpoint", () -> read(checkpoint));
        state.weightsChanged();
    }

    /**
     * Opens a checkpoint on rank 0, whose word is that of all: what other hosts' file systems show them may be older.
     */
    private Checkpoint open(Path path) throws IOException {
        ByteArrayOutputStream described = new ByteArrayOutputStream();
        runOnAllRanks("opening the checkpoint", () -> {
            if (state.rank() == 0) {
                described.writeBytes(Checkpoint.open(path).describe());
            }
        });
        return Checkpoint.described(path, broadcast("what the checkpoint is", described.toByteArray()));
    }

    /** Gives all ranks what rank 0 has, of any length. */
    private byte[] broadcast(String what, byte[] ofFirst) {
        StepLabel label = new StepLabel(state.step, what);
        ByteBuffer length = ByteBuffer.allocate(Integer.BYTES).putInt(0, ofFirst.length);
        collectives.broadcast(label, 0, bytes(length.array())).await();
        byte[] ofAll = Arrays.copyOf(ofFirst, length.getInt(0));
        collectives.broadcast(label, 0, bytes(ofAll)).await();
        return ofAll;
    }

    private static CollectiveBuffer bytes(byte[] array) {
        return CollectiveBuffer.of(MemorySegment.ofArray(array), Byte.BYTES);
    }

    /**
     * Goes back to the weights of the checkpoint from before the spikes, and to all that belongs to them. The steps
     * since then count as left out: what goes on is the data order and the learning rate's schedule.
     *
     * @throws IOException when any rank cannot read it, or it is damaged
     */
    public void goBack() throws IOException {
        finish();
        long step = state.step;
        Spikes now = state.spikes;
        Checkpoint checkpoint = open(folder.finished(now.checkpoint()));
        runOnAllRanks("going back to step " + now.checkpoint(), () -> {
            if (state.rank() == 0) {
                checkpoint.verify();
            }
            read(checkpoint);
        });
        state.skippedSteps += step - state.step;
        state.step = step;
        state.spikes = now.afterReturn(state.spikes);
        state.weightsChanged();
    }

    private void read(Checkpoint checkpoint) throws IOException {
        Device device = state.device();
        ParameterLayout layout = state.layout();
        for (Group group : state.groups()) {
            long size = state.sharding().size(group);
            if (size == 0) {
                continue;
            }
            long from = group.offset() + state.sharding().offset(group);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment values = StateCopy.allocate(arena, size);
                MemorySegment second = StateCopy.allocate(arena, size);
                Tensor average = state.optimizer(group).state()[StateCopy.AVERAGE];
                checkpoint.readWeights(WeightsKind.MODEL, layout, from, values);
                state.optimizer(group).writeMaster(values);
                checkpoint.readWeights(WeightsKind.EMA, layout, from, values);
                device.write(average, 0, values);
                checkpoint.readOptimizer(layout, from, values, second);
                StateCopy.writeMoments(state, group, values, second);
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

    /**
     * Says of the state as it is what a checkpoint needs beside the weights.
     *
     * @param config of the run
     * @param state of this rank
     * @param dataSha256 of the data set's manifest
     * @param epoch that the next step begins in
     * @param flags of the run, to repeat it
     * @return the text of {@code state.json}
     */
    public static CheckpointState describe(
            Recipe config, TrainState state, String dataSha256, long epoch, List<String> flags) {
        boolean scalesLoss = config.precision().scalesLoss();
        return new CheckpointState(
                CheckpointState.FORMAT_VERSION,
                state.step,
                config.seed(),
                new CheckpointState.Cursor(
                        epoch, state.step * config.microbatches(), config.microbatches(), config.tokens()),
                config.forCheckpoint(),
                dataSha256,
                flags,
                state.skippedSteps,
                scalesLoss ? state.lossScale.factor() : 0,
                scalesLoss ? state.lossScale.goodSteps() : 0,
                config.spikeSigma() > 0 ? state.spikes : Spikes.NONE);
    }

    @Override
    public void close() {
        background.ifPresent(BackgroundCheckpoint::close);
    }
}
