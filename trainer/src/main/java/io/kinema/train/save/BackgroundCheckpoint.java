package io.kinema.train.save;

import io.kinema.train.checkpoint.CheckpointState;
import io.kinema.train.checkpoint.CheckpointWriter;
import io.kinema.train.checkpoint.CheckpointWriter.Moments;
import io.kinema.train.checkpoint.WeightsKind;
import io.kinema.train.checkpoint.WrittenFile;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.step.TrainState;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * One rank's part of checkpoints that are written while training goes on: {@link #copy} puts what is to be written into
 * host memory, which is kept for the next one, {@link #write} has a thread write it, and {@link #commit} has it, on
 * rank 0, give the checkpoint its name when the files of all ranks are written. That thread calls no collectives.
 */
public final class BackgroundCheckpoint implements AutoCloseable {
    private final TrainState state;
    private final StateCopy copy;
    private final ExecutorService thread;
    private final Arena arena = Arena.ofShared();
    private final List<Moments> moments;
    /** On rank 0 all of them, flat; elsewhere room for a group on its way to rank 0. */
    private final Map<WeightsKind, MemorySegment> weights = new EnumMap<>(WeightsKind.class);

    private Optional<Pending> pending = Optional.empty();

    /** A checkpoint between its copy and its end. */
    private record Pending(
            CheckpointWriter writer,
            CheckpointState description,
            Future<List<WrittenFile>> written,
            Optional<Future<?>> committed) {}

    /**
     * Allocates the memory of a copy.
     *
     * @param thread that writes; closed with this
     */
    BackgroundCheckpoint(StateCopy copy, ExecutorService thread) {
        this.state = copy.state();
        this.copy = copy;
        this.thread = thread;
        moments = copy.allocateMoments(arena);
        long elements = weightElements(state);
        MemorySegment first = StateCopy.allocate(arena, elements);
        weights.put(WeightsKind.MODEL, first);
        weights.put(WeightsKind.EMA, isFirst() ? StateCopy.allocate(arena, elements) : first);
    }

    /**
     * The thread of a rank.
     *
     * @param rank this rank, from 0
     * @return an executor of one thread; whoever gets it closes it
     */
    public static ExecutorService thread(int rank) {
        return Executors.newSingleThreadExecutor(Thread.ofPlatform()
                .daemon()
                .name("train-r" + rank + "-checkpoint")
                .factory());
    }

    /** The host memory of a copy. */
    static long hostBytes(TrainState state) {
        long copies = state.rank() == 0 ? WeightsKind.values().length : 1;
        return StateCopy.momentBytes(state) + copies * Float.BYTES * weightElements(state);
    }

    private static long weightElements(TrainState state) {
        return state.rank() == 0 ? state.layout().flatSize() : StateStore.largestGroup(state);
    }

    private boolean isFirst() {
        return state.rank() == 0;
    }

    /** Whether there is one that has been begun and not ended. */
    boolean isPending() {
        return pending.isPresent();
    }

    /** Copies the state as it is. All ranks call this together. */
    void copy() {
        copy.moments(moments);
        for (WeightsKind kind : WeightsKind.values()) {
            for (Group group : state.groups()) {
                copy.weights(kind, group, valuesOf(kind, group));
            }
        }
    }

    private MemorySegment valuesOf(WeightsKind kind, Group group) {
        long offset = isFirst() ? group.offset() * Float.BYTES : 0;
        return weights.get(kind).asSlice(offset, group.size() * Float.BYTES);
    }

    /** Begins to write this rank's files. */
    void write(CheckpointWriter writer, CheckpointState description) {
        int worldSize = state.sharding().worldSize();
        ParameterLayout layout = state.layout();
        Future<List<WrittenFile>> written = thread.submit(() -> {
            List<WrittenFile> files = new ArrayList<>();
            files.add(writer.writeOptimizer(state.rank(), worldSize, layout, moments));
            if (isFirst()) {
                for (WeightsKind kind : WeightsKind.values()) {
                    files.add(writeWeights(writer, kind, layout));
                }
            }
            return files;
        });
        pending = Optional.of(new Pending(writer, description, written, Optional.empty()));
    }

    /** Begins again what could not be written; the copy is still what it was. */
    void writeAgain() {
        Pending given = pending.orElseThrow();
        write(given.writer, given.description);
    }

    private WrittenFile writeWeights(CheckpointWriter writer, WeightsKind kind, ParameterLayout layout)
            throws IOException {
        try (CheckpointWriter.WeightsFile file = writer.weights(kind, layout)) {
            for (Group group : state.groups()) {
                file.append(group, valuesOf(kind, group));
            }
            return file.finish();
        }
    }

    /** Whether {@link #commit} is still to be called, on every rank. */
    boolean isUncommitted() {
        return pending.isPresent() && pending.get().committed.isEmpty();
    }

    /**
     * Once the files of all ranks are written: begins to make them a checkpoint, on rank 0; and then to clean up.
     *
     * @param files of all ranks
     */
    void commit(StateStore.Cleanup cleanup, List<WrittenFile> files) {
        Pending now = pending.orElseThrow();
        long needed = now.description.spikes().checkpoint();
        Future<?> committed = thread.submit(() -> {
            if (isFirst()) {
                now.writer.commit(now.description, files);
                cleanup.keeping(needed);
            }
            return null;
        });
        pending = Optional.of(new Pending(now.writer, now.description, now.written, Optional.of(committed)));
    }

    /** Whether nothing is left for this rank to write before the commit. */
    boolean hasWritten() {
        return pending.map(now -> now.written.isDone()).orElse(true);
    }

    /** Whether anything of it has failed so far. */
    boolean hasFailed() {
        return pending.map(now -> hasFailed(now.written)
                        || now.committed.map(BackgroundCheckpoint::hasFailed).orElse(false))
                .orElse(false);
    }

    private static boolean hasFailed(Future<?> part) {
        return part.state() == Future.State.FAILED;
    }

    /** Waits until this rank's files are written. */
    List<WrittenFile> awaitWritten() throws IOException {
        return await(pending.orElseThrow().written);
    }

    /** The step that it is of. */
    long step() {
        return pending.orElseThrow().description.step();
    }

    /** What writes it. */
    CheckpointWriter writer() {
        return pending.orElseThrow().writer;
    }

    /** Waits until the checkpoint has its name, on rank 0. */
    void awaitCommitted() throws IOException {
        Optional<Future<?>> committed = pending.orElseThrow().committed;
        if (committed.isPresent()) {
            await(committed.get());
        }
    }

    private static <T> T await(Future<T> part) throws IOException {
        try {
            return part.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while a checkpoint was being written", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    /** Says that the checkpoint is complete. */
    void end() {
        pending = Optional.empty();
    }

    /**
     * Ends it as one that could not be written: rank 0 removes what there is of it. To be called when no rank writes
     * any more.
     */
    IOException abandoned(IOException cause) throws IOException {
        Pending given = pending.orElseThrow();
        end();
        return isFirst() ? given.writer.abandoned(cause) : cause;
    }

    /** Waits until nothing is being written any more. */
    @Override
    public void close() {
        thread.close();
        arena.close();
    }
}
