package io.kinema.train.save;

import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.CheckpointState;
import io.kinema.train.checkpoint.CheckpointWriter;
import io.kinema.train.checkpoint.WeightsKind;
import io.kinema.train.checkpoint.WrittenFile;
import io.kinema.train.dist.collective.StepLabel;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.optim.Spikes;
import io.kinema.train.run.Recipe;
import io.kinema.train.step.StepReport;
import io.kinema.train.step.TrainState;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.function.Consumer;

/**
 * Saves and restores the state of all ranks together. Rank 0 decides; a failure anywhere is a failure on every rank.
 */
public final class StateStore implements AutoCloseable {
    private final CheckpointFolder folder;
    private final TrainState state;
    private final StateCopy copy;
    private final Cleanup cleanup;
    private final Optional<BackgroundCheckpoint> background;
    private final StorageWait storage;
    private final CheckpointRoom room;
    private final StateReader reader;

    /**
     * Saves into a folder.
     *
     * @param folder of the run's checkpoints
     * @param copy of the state
     * @param cleanup what rank 0 does when a checkpoint is complete
     * @param thread that writes while training goes on, closed with this; empty where training waits
     * @param storageLimit how long storage may take for one thing, and how long to wait for room on it
     */
    public StateStore(
            CheckpointFolder folder,
            StateCopy copy,
            Cleanup cleanup,
            Optional<ExecutorService> thread,
            Duration storageLimit) {
        this.folder = folder;
        this.copy = copy;
        this.state = copy.state();
        this.cleanup = cleanup;
        background = thread.map(given -> new BackgroundCheckpoint(copy, given));
        Consumer<String> screen = state.rank() == 0 ? System.out::println : _ -> {};
        storage = new StorageWait(copy.collectives(), folder, storageLimit, screen);
        reader = new StateReader(copy, storage, folder);
        room = new CheckpointRoom(
                storage,
                folder,
                new CheckpointRoom.Setup(
                        isFirst(), CheckpointRoom.bytes(state.layout().numElements()), storageLimit, screen));
    }

    /**
     * The most that a checkpoint takes on a disk.
     *
     * @param layout of the model
     * @return bytes
     */
    public static long diskBytes(ParameterLayout layout) {
        return CheckpointRoom.bytes(layout.numElements());
    }

    private boolean isFirst() {
        return state.rank() == 0;
    }

    private StepLabel label(String what) {
        return new StepLabel(state.step, what);
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

    /**
     * Writes a checkpoint of {@code state.step}, or begins to where that is done while training goes on. One that is
     * still being written is awaited first, and so is room on the disk.
     *
     * @param description all but the weights
     * @throws NoRoomException when the disk stays full for too long
     * @throws IOException when any rank cannot write its part; the checkpoint does then not exist
     */
    public void save(CheckpointState description) throws IOException {
        finish();
        CheckpointWriter writer = folder.writer(state.step);
        room.begin();
        boolean wasFull = false;
        while (true) {
            room.await(label("room for the checkpoint"), writer, wasFull);
            beginProgress(state.step);
            try {
                beginFolder(writer);
                if (background.isPresent()) {
                    background.get().copy();
                    background.get().write(writer, description);
                } else {
                    writeNow(writer, description);
                }
                return;
            } catch (FullDiskException e) {
                tellOfFullDisk(state.step, e);
                wasFull = true;
            } catch (IOException e) {
                throw isFirst() ? writer.abandoned(e) : e;
            }
        }
    }

    private void tellOfFullDisk(long step, FullDiskException e) {
        if (isFirst()) {
            System.out.println("warning: cannot write " + folder.finished(step).getFileName() + " yet ("
                    + e.getMessage() + "): it is written again when there is room");
        }
    }

    private void beginProgress(long step) {
        // Each byte is written, and read back.
        storage.begin("writing " + folder.finished(step).getFileName(), 2 * diskBytes(state.layout()));
    }

    private void beginFolder(CheckpointWriter writer) throws IOException {
        storage.run(label("checkpoint folder"), () -> {
            if (isFirst()) {
                writer.begin();
            }
        });
    }

    /**
     * Waits for a checkpoint that is being written, if there is one.
     *
     * @throws NoRoomException when the disk stays full for too long
     * @throws IOException when any rank cannot write its part; the checkpoint does then not exist
     */
    public void finish() throws IOException {
        if (background.isEmpty() || !background.get().isPending()) {
            return;
        }
        BackgroundCheckpoint pending = background.get();
        room.begin();
        try {
            while (true) {
                try {
                    awaitAll(pending);
                    pending.end();
                    return;
                } catch (FullDiskException e) {
                    tellOfFullDisk(pending.step(), e);
                    room.await(label("room for the checkpoint"), pending.writer(), true);
                    beginProgress(pending.step());
                    beginFolder(pending.writer());
                    pending.writeAgain();
                }
            }
        } catch (NoRoomException e) {
            pending.end();
            throw e;
        } catch (IOException e) {
            throw pending.abandoned(e);
        }
    }

    private void awaitAll(BackgroundCheckpoint pending) throws IOException {
        byte[][] files =
                storage.gather(label("files of the checkpoint"), () -> WrittenFile.pack(pending.awaitWritten()));
        if (pending.isUncommitted()) {
            pending.commit(cleanup, WrittenFile.unpack(files));
        }
        storage.run(label("checkpoint"), pending::awaitCommitted);
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
                && background.get().isUncommitted()) {
            BackgroundCheckpoint pending = background.get();
            byte[][] files =
                    storage.gather(label("files of the checkpoint"), () -> WrittenFile.pack(pending.awaitWritten()));
            pending.commit(cleanup, WrittenFile.unpack(files));
        }
    }

    private void writeNow(CheckpointWriter writer, CheckpointState description) throws IOException {
        List<WrittenFile> files = new ArrayList<>(writeOptimizers(writer));
        for (WeightsKind kind : WeightsKind.values()) {
            writeWeights(writer, kind).ifPresent(files::add);
        }
        storage.run(label("checkpoint"), () -> {
            if (isFirst()) {
                writer.commit(description, files);
                cleanup.keeping(state.spikes.checkpoint());
            }
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

    /** Writes the optimizer's state, each rank its own; returns the files of all. */
    private List<WrittenFile> writeOptimizers(CheckpointWriter writer) throws IOException {
        try (Arena arena = Arena.ofShared()) {
            List<CheckpointWriter.Moments> moments = copy.allocateMoments(arena);
            copy.moments(moments);
            int worldSize = state.sharding().worldSize();
            byte[][] files = storage.gather(
                    label("optimizer state"),
                    () -> WrittenFile.pack(
                            List.of(writer.writeOptimizer(state.rank(), worldSize, state.layout(), moments))));
            return WrittenFile.unpack(files);
        }
    }

    /** Gathers weights, or their average, a group at a time, and writes them on rank 0, which gets the file. */
    private Optional<WrittenFile> writeWeights(CheckpointWriter writer, WeightsKind kind) throws IOException {
        CheckpointWriter.WeightsFile file = writer.weights(kind, state.layout());
        List<WrittenFile> written = new ArrayList<>();
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = StateCopy.allocate(arena, largestGroup(state));
            for (Group group : state.groups()) {
                MemorySegment values = memory.asSlice(0, group.size() * Float.BYTES);
                copy.weights(kind, group, values);
                storage.run(label("writing " + kind.file()), () -> {
                    if (isFirst()) {
                        file.append(group, values);
                    }
                });
            }
            storage.run(label("ending " + kind.file()), () -> {
                if (isFirst()) {
                    written.add(file.finish());
                }
            });
            return written.stream().findFirst();
        } catch (IOException e) {
            // Not where storage took too long: to close the file would take as long.
            try (file) {
                throw e;
            }
        }
    }

    /**
     * Restores a checkpoint; {@code state.step} then says from where training goes on.
     *
     * @param path of a checkpoint of the same model, verified
     * @throws RestoreException when any rank cannot read it
     */
    public void restore(Path path) throws RestoreException {
        try {
            reader.read(reader.open(path));
        } catch (IOException e) {
            throw new RestoreException(path, e);
        }
        state.weightsChanged();
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
        Checkpoint checkpoint = reader.open(folder.finished(now.checkpoint()));
        reader.verify(checkpoint);
        reader.read(checkpoint);
        state.skippedSteps += step - state.step;
        state.step = step;
        state.spikes = now.afterReturn(state.spikes);
        state.weightsChanged();
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
        storage.close();
    }
}
