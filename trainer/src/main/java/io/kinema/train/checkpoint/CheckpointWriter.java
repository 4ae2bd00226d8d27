package io.kinema.train.checkpoint;

import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.tensor.DType;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
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
 * Whoever writes a file hashes it on the way and reads it back.
 */
public final class CheckpointWriter {
    /** Elements: extents of tensors in files are read as ints. */
    private static final int LONGEST_PIECE = 1 << 30;

    private final CheckpointFolder folder;
    private final long step;
    private final Disk disk;

    CheckpointWriter(CheckpointFolder folder, long step, Disk disk) {
        this.folder = folder;
        this.step = step;
        this.disk = disk;
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
     * Removes what interrupted checkpoints have left.
     *
     * @throws IOException when it cannot be removed
     */
    public void clear() throws IOException {
        for (Path left : folder.unfinished()) {
            CheckpointFolder.deleteRecursively(left);
        }
        for (Path left : folder.discarded()) {
            CheckpointFolder.deleteRecursively(left);
        }
    }

    /**
     * Makes the temporary folder, empty, and removes what interrupted checkpoints have left.
     *
     * @throws IOException when it cannot be made
     */
    public void begin() throws IOException {
        Files.createDirectories(folder.path());
        clear();
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
     * @return the file, hashed while it was written, and read back
     * @throws IOException when it cannot be written whole, or reads back differently
     */
    public WrittenFile writeOptimizer(int rank, int worldSize, ParameterLayout layout, List<Moments> shares)
            throws IOException {
        List<Safetensors.Entry> pieces = new ArrayList<>();
        for (Moments share : shares) {
            for (ParameterLayout.Entry entry : layout.entries()) {
                addPieces(share, entry, pieces);
            }
        }
        Path file = folder.temporary(step).resolve(optimizerFile(rank, worldSize));
        return readBack(Safetensors.write(new HashedFile(file, disk), pieces, DType.FP32, Map.of()));
    }

    /** Reads a file against the digest of what was written to it. */
    private WrittenFile readBack(WrittenFile written) throws IOException {
        Path file = folder.temporary(step).resolve(written.name());
        CheckpointManifest.Digest found = CheckpointManifest.Digest.of(file, disk::read);
        if (!found.equals(new CheckpointManifest.Digest(written.bytes(), written.sha256()))) {
            throw new IOException(file + " reads back with " + found.bytes() + " bytes and SHA-256 " + found.sha256()
                    + "; what was written has " + written.bytes() + " bytes and SHA-256 " + written.sha256());
        }
        return written;
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
    public final class WeightsFile implements Closeable {
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
                file = Optional.of(new Safetensors.Writer(new HashedFile(path, disk), headers, DType.FP32, metadata));
            }
            for (ParameterLayout.Entry entry : group.entries()) {
                long offset = (entry.offset() - group.offset()) * Float.BYTES;
                MemorySegment data = values.asSlice(offset, entry.size() * Float.BYTES);
                file.get().append(new Safetensors.Entry(entry.name(), DType.FP32, entry.shape(), data));
            }
        }

        /**
         * Ends the file, and reads it back.
         *
         * @return the file, hashed while it was written
         * @throws IOException when it is not synced, or reads back differently
         */
        public WrittenFile finish() throws IOException {
            Safetensors.Writer whole = file.orElseThrow();
            file = Optional.empty();
            whole.close();
            return readBack(whole.written());
        }

        /** Closes what is not finished. */
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
     * @return the file; finish it
     */
    public WeightsFile weights(WeightsKind kind, ParameterLayout layout) {
        Map<String, String> metadata = Map.of("format", "kinema", "step", Long.toString(step));
        return new WeightsFile(folder.temporary(step).resolve(kind.file()), layout, metadata);
    }

    /**
     * Writes the state and the manifest, looks for all files, and gives the checkpoint its name.
     *
     * @param state what the checkpoint says of itself
     * @param files of all ranks
     * @return the finished folder
     * @throws IOException when anything cannot be written, or is missing
     */
    public Path commit(CheckpointState state, List<WrittenFile> files) throws IOException {
        Path temporary = folder.temporary(step);
        List<WrittenFile> all = new ArrayList<>(files);
        all.add(write(Checkpoint.STATE, Checkpoint.JSON.writeValueAsBytes(state)));
        write(CheckpointManifest.FILE, Checkpoint.JSON.writeValueAsBytes(CheckpointManifest.of(all)));
        CheckpointFolder.sync(temporary);
        Checkpoint.open(temporary).requireSizes();
        return folder.finish(step);
    }

    private WrittenFile write(String name, byte[] bytes) throws IOException {
        HashedFile file = new HashedFile(folder.temporary(step).resolve(name), disk);
        try (file) {
            file.write(ByteBuffer.wrap(bytes));
        }
        return file.written();
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
