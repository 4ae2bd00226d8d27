package io.kinema.train.checkpoint;

import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.tensor.DType;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Writes one checkpoint: into a folder of another name, which gets its own when all is there and has been read back.
 * One process begins, then each writes its share of the optimizer's state, then the first writes weights and commits.
 */
public final class CheckpointWriter {
    /** Elements: extents of tensors in files are read as ints. */
    private static final int LONGEST_PIECE = 1 << 30;

    private final CheckpointFolder folder;
    private final long step;

    CheckpointWriter(CheckpointFolder folder, long step) {
        this.folder = folder;
        this.step = step;
    }

    /**
     * Adam's moments of a range of the flat vector.
     *
     * @param from the first element
     * @param first the first moments, fp32
     * @param second the second moments, as many
     */
    public record Moments(long from, MemorySegment first, MemorySegment second) {
        private long to() {
            return from + first.byteSize() / Float.BYTES;
        }
    }

    /**
     * Makes the temporary folder, empty, and removes what interrupted checkpoints have left.
     *
     * @throws IOException when it cannot be made
     */
    public void begin() throws IOException {
        Files.createDirectories(folder.path());
        for (Path left : folder.unfinished()) {
            CheckpointFolder.deleteRecursively(left);
        }
        Files.createDirectories(folder.temporary(step));
    }

    /**
     * Returns the name of a rank's optimizer file.
     *
     * @param rank of the writer
     * @param worldSize of the run that writes
     * @return a file name
     */
    static String optimizerFile(int rank, int worldSize) {
        return String.format(Locale.ROOT, "%s%05d-of-%05d.safetensors", Checkpoint.OPTIMIZER, rank, worldSize);
    }

    /**
     * Writes one rank's share of the optimizer's state.
     *
     * @param rank whose share it is
     * @param worldSize of the run that writes
     * @param layout of the model
     * @param shares ranges that do not overlap, those of all ranks together the flat vector
     * @throws IOException when it cannot be written whole
     */
    public void writeOptimizer(int rank, int worldSize, ParameterLayout layout, List<Moments> shares)
            throws IOException {
        List<Safetensors.Entry> pieces = new ArrayList<>();
        for (Moments share : shares) {
            for (ParameterLayout.Entry entry : layout.entries()) {
                addPieces(share, entry, pieces);
            }
        }
        Path file = folder.temporary(step).resolve(optimizerFile(rank, worldSize));
        Safetensors.write(file, pieces, DType.FP32, Map.of());
    }

    private static void addPieces(Moments share, ParameterLayout.Entry entry, List<Safetensors.Entry> pieces) {
        long begin = Math.max(share.from, entry.offset());
        long end = Math.min(share.to(), entry.offset() + entry.size());
        for (long first = begin; first < end; first += LONGEST_PIECE) {
            int[] shape = {(int) Math.min(LONGEST_PIECE, end - first)};
            String where = entry.name() + "@" + (first - entry.offset());
            long offset = (first - share.from) * Float.BYTES;
            long bytes = (long) shape[0] * Float.BYTES;
            pieces.add(new Safetensors.Entry(
                    Checkpoint.FIRST_MOMENT + where, DType.FP32, shape, share.first.asSlice(offset, bytes)));
            pieces.add(new Safetensors.Entry(
                    Checkpoint.SECOND_MOMENT + where, DType.FP32, shape, share.second.asSlice(offset, bytes)));
        }
    }

    /** Weights that are written a group at a time. The file begins with the first. */
    public static final class WeightsFile implements Closeable {
        private final Path path;
        private final ParameterLayout layout;
        private final Map<String, String> metadata;
        private Optional<Safetensors.Writer> file = Optional.empty();

        private WeightsFile(Path path, ParameterLayout layout, Map<String, String> metadata) {
            this.path = path;
            this.layout = layout;
            this.metadata = metadata;
        }

        /**
         * Writes the next group.
         *
         * @param group which; all of them in order
         * @param values its part of the flat vector, fp32
         * @throws IOException when it cannot be written whole
         */
        public void append(Group group, MemorySegment values) throws IOException {
            if (file.isEmpty()) {
                List<Safetensors.Header> headers = layout.entries().stream()
                        .map(entry -> new Safetensors.Header(entry.name(), entry.shape()))
                        .toList();
                file = Optional.of(new Safetensors.Writer(path, headers, DType.FP32, metadata));
            }
            for (ParameterLayout.Entry entry : group.entries()) {
                long offset = (entry.offset() - group.offset()) * Float.BYTES;
                MemorySegment data = values.asSlice(offset, entry.size() * Float.BYTES);
                file.get().append(new Safetensors.Entry(entry.name(), DType.FP32, entry.shape(), data));
            }
        }

        @Override
        public void close() throws IOException {
            if (file.isPresent()) {
                file.get().close();
            }
        }
    }

    /**
     * Begins to write weights, or their average.
     *
     * @param kind which
     * @param layout of the model
     * @return the file; closing it ends it
     */
    public WeightsFile weights(WeightsKind kind, ParameterLayout layout) {
        Map<String, String> metadata = Map.of("format", "kinema", "step", Long.toString(step));
        return new WeightsFile(folder.temporary(step).resolve(kind.file()), layout, metadata);
    }

    /**
     * Writes the state, reads everything back against its digest, and gives the checkpoint its name.
     *
     * @param state what the checkpoint says of itself
     * @return the finished folder
     * @throws IOException when anything cannot be written, or reads back differently
     */
    public Path commit(CheckpointState state) throws IOException {
        Path temporary = folder.temporary(step);
        CheckpointFolder.writeSynced(temporary.resolve(Checkpoint.STATE), Checkpoint.JSON.writeValueAsBytes(state));
        CheckpointManifest manifest = CheckpointManifest.of(temporary);
        CheckpointFolder.writeSynced(
                temporary.resolve(CheckpointManifest.FILE), Checkpoint.JSON.writeValueAsBytes(manifest));
        CheckpointFolder.sync(temporary);
        Checkpoint.open(temporary).verify();
        return folder.finish(step);
    }

    /**
     * Gives the checkpoint up and removes what was written of it.
     *
     * @param cause why
     * @return what to throw: the cause, the checkpoint and the remedy
     * @throws IOException when it cannot be removed
     */
    public IOException abandoned(IOException cause) throws IOException {
        CheckpointFolder.deleteRecursively(folder.temporary(step));
        return new IOException(
                "cannot write checkpoint " + folder.finished(step) + ": " + cause.getMessage()
                        + "; free space or choose another --run, then start again with --resume auto",
                cause);
    }
}
