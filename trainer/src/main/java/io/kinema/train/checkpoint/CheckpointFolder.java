package io.kinema.train.checkpoint;

import io.kinema.data.ConfigException;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The checkpoints of a run. One is written under a temporary name (hidden, {@code .step-00000100.tmp}), synced, read back and
 * compared, and only then renamed; the file {@code LATEST}, which holds the newest one's name, moves last. So whatever is interrupted,
 * every folder named {@code step-*} is whole, or shows by its digests that it no longer is. One that is no longer wanted gets another
 * name first ({@code .step-00000100.old}), and is then deleted.
 */
public final class CheckpointFolder {
    /** The name of the file that names the newest checkpoint. */
    public static final String LATEST = "LATEST";

    /** The name of the folder in that of a run. */
    public static final String NAME = "checkpoints";

    private static final String PREFIX = "step-";
    private static final String SKIPPING = "skipping a checkpoint that cannot be used: ";
    private static final Pattern CHECKPOINT = Pattern.compile(PREFIX + "\\d{1,18}");
    private static final Pattern UNFINISHED = Pattern.compile("\\." + PREFIX + "\\d+\\.tmp");
    private static final Pattern DISCARDED = Pattern.compile("\\." + PREFIX + "\\d+\\.old");

    private final Path folder;

    /**
     * Names a folder, which need not exist yet.
     *
     * @param folder where checkpoints collect
     */
    public CheckpointFolder(Path folder) {
        this.folder = folder;
    }

    /**
     * Finds the checkpoints of a run.
     *
     * @param path a run's folder, or that in which its checkpoints collect
     * @return the latter
     * @throws ConfigException when there is no such folder
     */
    static CheckpointFolder of(Path path) {
        if (!Files.isDirectory(path)) {
            throw new ConfigException(path + (Files.exists(path) ? " is not a folder" : " does not exist")
                    + "; name a run such as runs/mine, or its " + NAME);
        }
        Path inside = path.resolve(NAME);
        return new CheckpointFolder(Files.isDirectory(inside) ? inside : path);
    }

    /**
     * Lists the checkpoints by name, newest first.
     *
     * @return folders, not verified
     * @throws IOException when the folder cannot be read
     */
    public List<Path> list() throws IOException {
        return named(CHECKPOINT).stream()
                .sorted(Comparator.comparingLong(CheckpointFolder::stepOf).reversed())
                .toList();
    }

    private List<Path> named(Pattern pattern) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> names = Files.list(folder)) {
            return names.filter(path ->
                            pattern.matcher(path.getFileName().toString()).matches())
                    .sorted()
                    .toList();
        }
    }

    /** What is left of checkpoints that were being written, or still are. */
    List<Path> unfinished() throws IOException {
        return named(UNFINISHED);
    }

    /** What is left of checkpoints that were being deleted, or still are. */
    List<Path> discarded() throws IOException {
        return named(DISCARDED);
    }

    /** Whether a path is a folder named like a checkpoint, or one by what is in it. */
    static boolean isCheckpoint(Path path) {
        Path name = path.toAbsolutePath().normalize().getFileName();
        return Files.isDirectory(path)
                && (CHECKPOINT.matcher(String.valueOf(name)).matches()
                        || Files.isRegularFile(path.resolve(Checkpoint.STATE)));
    }

    /**
     * Returns where the checkpoints are.
     *
     * @return the folder, as named
     */
    Path path() {
        return folder;
    }

    /**
     * Reads which checkpoint was finished last.
     *
     * @return the name that {@code LATEST} holds; empty where there is no such file
     * @throws IOException when it cannot be read
     */
    String latest() throws IOException {
        Path file = folder.resolve(LATEST);
        if (!Files.isRegularFile(file)) {
            return "";
        }
        // Whatever has become of its bytes, the checkpoints themselves can still be used.
        return new String(Files.readAllBytes(file), StandardCharsets.UTF_8).strip();
    }

    /** What is wrong with {@code LATEST}, where there is one: it names nothing that is there. */
    Optional<String> lostLatest() throws IOException {
        String latest = latest();
        boolean isThere = latest.isEmpty()
                || list().stream()
                        .anyMatch(path -> path.getFileName().toString().equals(latest));
        return isThere
                ? Optional.empty()
                : Optional.of(folder.resolve(LATEST) + " names '" + latest + "', which is not there");
    }

    /**
     * Finds the newest checkpoint whose every byte is as it was written.
     *
     * @param damaged is told of each one that is skipped, in one line
     * @return the checkpoint, if there is one
     * @throws IOException when the folder cannot be read
     */
    public Optional<Checkpoint> newestValid(Consumer<String> damaged) throws IOException {
        lostLatest().ifPresent(damaged);
        for (Path path : list()) {
            Optional<String> lacking = Checkpoint.lacking(path);
            if (lacking.isPresent()) {
                damaged.accept(SKIPPING + path + " has no " + lacking.get());
                continue;
            }
            try {
                Checkpoint checkpoint = Checkpoint.open(path);
                checkpoint.verify();
                return Optional.of(checkpoint);
            } catch (IOException | ConfigException e) {
                damaged.accept(SKIPPING + (e instanceof FileSystemException ? e.toString() : e.getMessage()));
            }
        }
        return Optional.empty();
    }

    /**
     * Returns the step of a checkpoint by its name.
     *
     * @param path one of {@link #list()}
     * @return steps made
     */
    public static long stepOf(Path path) {
        return Long.parseLong(path.getFileName().toString().substring(PREFIX.length()));
    }

    private Path temporary(long step) {
        return folder.resolve("." + name(step) + ".tmp");
    }

    private static String name(long step) {
        return String.format(Locale.ROOT, "%s%08d", PREFIX, step);
    }

    /**
     * Makes the temporary folder of a checkpoint, empty, and removes what interrupted ones have left. One process does this before
     * any writes into it.
     *
     * @param step of the checkpoint
     * @throws IOException when it cannot be made
     */
    public void begin(long step) throws IOException {
        Files.createDirectories(folder);
        for (Path left : unfinished()) {
            deleteRecursively(left);
        }
        Files.createDirectories(temporary(step));
    }

    /**
     * Writes one rank's share of the optimizer state.
     *
     * @param step of the checkpoint
     * @param file such as optimizer-00000-of-00002.safetensors
     * @param layout of the model
     * @param from first element of the share in the flat vector
     * @param moments first and second moments of the share, fp32, equally long
     * @throws IOException when it cannot be written whole
     */
    public void writeOptimizer(long step, String file, ParameterLayout layout, long from, List<MemorySegment> moments)
            throws IOException {
        long to = from + moments.getFirst().byteSize() / Float.BYTES;
        List<Safetensors.Entry> pieces = new ArrayList<>();
        for (ParameterLayout.Entry entry : layout.entries()) {
            long begin = Math.max(from, entry.offset());
            long end = Math.min(to, entry.offset() + entry.size());
            if (begin < end) {
                String where = entry.name() + "@" + (begin - entry.offset());
                long offset = (begin - from) * Float.BYTES;
                long bytes = (end - begin) * Float.BYTES;
                int[] shape = {Math.toIntExact(end - begin)};
                pieces.add(new Safetensors.Entry(
                        Checkpoint.FIRST_MOMENT + where,
                        DType.FP32,
                        shape,
                        moments.get(0).asSlice(offset, bytes)));
                pieces.add(new Safetensors.Entry(
                        Checkpoint.SECOND_MOMENT + where,
                        DType.FP32,
                        shape,
                        moments.get(1).asSlice(offset, bytes)));
            }
        }
        Safetensors.write(temporary(step).resolve(file), pieces, DType.FP32, Map.of());
    }

    /**
     * Returns the name of a rank's optimizer file.
     *
     * @param rank of the writer
     * @param worldSize of the run that writes
     * @return a file name
     */
    public static String optimizerFile(int rank, int worldSize) {
        return String.format(Locale.ROOT, "%s%05d-of-%05d.safetensors", Checkpoint.OPTIMIZER, rank, worldSize);
    }

    /**
     * Writes weights, average and state, reads everything back against its digest, and gives the checkpoint its name. One
     * process does this, after all have written their optimizer state.
     *
     * @param state what the checkpoint says of itself
     * @param layout of the model
     * @param model the weights, flat, fp32
     * @param ema their average, flat, fp32
     * @return the finished folder
     * @throws IOException when anything cannot be written, or reads back differently; the temporary folder is then gone
     */
    public Path commit(CheckpointState state, ParameterLayout layout, MemorySegment model, MemorySegment ema)
            throws IOException {
        Path temporary = temporary(state.step());
        try {
            writeWeights(temporary.resolve(Checkpoint.MODEL), layout, model, state);
            writeWeights(temporary.resolve(Checkpoint.EMA), layout, ema, state);
            writeSynced(temporary.resolve(Checkpoint.STATE), Checkpoint.JSON.writeValueAsBytes(state));
            CheckpointManifest manifest = CheckpointManifest.of(temporary);
            writeSynced(temporary.resolve(CheckpointManifest.FILE), Checkpoint.JSON.writeValueAsBytes(manifest));
            sync(temporary);
            Checkpoint.open(temporary).verify();
        } catch (IOException e) {
            deleteRecursively(temporary);
            throw new IOException(
                    "cannot write checkpoint " + folder.resolve(name(state.step())) + ": " + e.getMessage()
                            + "; free space or choose another --run, then start again with --resume auto",
                    e);
        }
        Path finished = folder.resolve(name(state.step()));
        if (Files.exists(finished)) {
            discard(finished);
        }
        Files.move(temporary, finished, StandardCopyOption.ATOMIC_MOVE);
        Path latest = folder.resolve("." + LATEST + ".tmp");
        writeSynced(latest, (finished.getFileName() + "\n").getBytes(StandardCharsets.UTF_8));
        Files.move(latest, folder.resolve(LATEST), StandardCopyOption.ATOMIC_MOVE);
        sync(folder);
        return finished;
    }

    /** Deletes a checkpoint. Whatever interrupts that, half of one never has the name of a checkpoint, not after a power cut either. */
    void discard(Path checkpoint) throws IOException {
        Path discarded = folder.resolve("." + checkpoint.getFileName() + ".old");
        deleteRecursively(discarded);
        Files.move(checkpoint, discarded, StandardCopyOption.ATOMIC_MOVE);
        sync(folder);
        deleteRecursively(discarded);
    }

    private static void writeWeights(Path file, ParameterLayout layout, MemorySegment flat, CheckpointState state)
            throws IOException {
        List<Safetensors.Entry> entries = layout.entries().stream()
                .map(entry -> new Safetensors.Entry(
                        entry.name(),
                        DType.FP32,
                        entry.shape(),
                        flat.asSlice(entry.offset() * Float.BYTES, (long) entry.size() * Float.BYTES)))
                .toList();
        Safetensors.write(file, entries, DType.FP32, Map.of("format", "kinema", "step", Long.toString(state.step())));
    }

    private static void writeSynced(Path file, byte[] bytes) throws IOException {
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            channel.force(true);
        }
    }

    static void sync(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    static void deleteRecursively(Path path) throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (Stream<Path> below = Files.walk(path)) {
            for (Path each : below.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(each);
            }
        }
    }
}
