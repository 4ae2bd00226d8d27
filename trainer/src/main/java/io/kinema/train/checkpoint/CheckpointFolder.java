package io.kinema.train.checkpoint;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The checkpoints of a run. One is written under a temporary name (hidden, {@code .step-00000100.tmp}), synced, read
 * back and compared, and only then renamed; the file {@code LATEST}, which holds the newest one's name, moves last. So
 * whatever is interrupted, every folder named {@code step-*} is whole, or shows by its digests that it no longer is.
 * One that is no longer wanted gets another name first ({@code .step-00000100.old}), and is then deleted.
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
    private final Disk disk;

    /**
     * Names a folder, which need not exist yet.
     *
     * @param folder where checkpoints collect
     */
    public CheckpointFolder(Path folder) {
        this(folder, new Disk());
    }

    /**
     * Likewise, on a disk.
     *
     * @param folder where checkpoints collect
     * @param disk under it
     */
    public CheckpointFolder(Path folder, Disk disk) {
        this.folder = folder;
        this.disk = disk;
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
     * Takes a run for its newest checkpoint.
     *
     * @param path a checkpoint, a run's folder, or that in which its checkpoints collect
     * @return the newest that is complete, said on stderr; the path itself where it is no run with checkpoints
     * @throws IOException when a folder cannot be read
     */
    public static Path newestAt(Path path) throws IOException {
        if (!Files.isDirectory(path) || isCheckpoint(path)) {
            return path;
        }
        for (Path checkpoint : of(path).list()) {
            if (CheckpointManifest.sizeProblems(checkpoint).isEmpty()) {
                System.err.println("using " + checkpoint + ", the newest checkpoint of " + path);
                return checkpoint;
            }
        }
        return path;
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
    public Path path() {
        return folder;
    }

    /**
     * Returns the disk under the folder.
     *
     * @return as given
     */
    public Disk disk() {
        return disk;
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
        return newestValid(damaged, _ -> {});
    }

    /** Something else that a checkpoint must be. */
    public interface Condition {
        /**
         * Looks at a checkpoint.
         *
         * @param checkpoint whose manifest and state are read, and no more
         * @throws IOException when it is not; the message names the checkpoint
         */
        void require(Checkpoint checkpoint) throws IOException;
    }

    /**
     * Likewise, and for which something else holds.
     *
     * @param damaged is told of each one that is skipped, in one line
     * @param condition that must hold
     * @return the checkpoint, if there is one
     * @throws IOException when the folder cannot be read
     */
    public Optional<Checkpoint> newestValid(Consumer<String> damaged, Condition condition) throws IOException {
        lostLatest().ifPresent(damaged);
        for (Path path : list()) {
            Optional<String> lacking = Checkpoint.lacking(path);
            if (lacking.isPresent()) {
                damaged.accept(SKIPPING + path + " has no " + lacking.get());
                continue;
            }
            try {
                Checkpoint checkpoint = Checkpoint.open(path);
                checkpoint.requireSizes();
                condition.require(checkpoint);
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

    /**
     * Begins a checkpoint, or takes part in one that another process has begun.
     *
     * @param step of the checkpoint
     * @return what writes it
     */
    public CheckpointWriter writer(long step) {
        return new CheckpointWriter(this, step, disk);
    }

    /** Where a checkpoint is written. */
    Path temporary(long step) {
        return folder.resolve("." + name(step) + ".tmp");
    }

    /**
     * Returns where a checkpoint is when it is finished.
     *
     * @param step that it is written at
     * @return a folder, whether it is there or not
     */
    public Path finished(long step) {
        return folder.resolve(name(step));
    }

    private static String name(long step) {
        return String.format(Locale.ROOT, "%s%08d", PREFIX, step);
    }

    /** Gives a checkpoint that is written whole its name. */
    Path finish(long step) throws IOException {
        Path finished = finished(step);
        if (Files.exists(finished)) {
            discard(finished);
        }
        Files.move(temporary(step), finished, StandardCopyOption.ATOMIC_MOVE);
        Path latest = folder.resolve("." + LATEST + ".tmp");
        writeSynced(latest, (finished.getFileName() + "\n").getBytes(StandardCharsets.UTF_8));
        Files.move(latest, folder.resolve(LATEST), StandardCopyOption.ATOMIC_MOVE);
        sync(folder);
        return finished;
    }

    /**
     * Deletes a checkpoint. Whatever interrupts that, half of one never has the name of a checkpoint, not after a power
     * cut either.
     */
    void discard(Path checkpoint) throws IOException {
        Path discarded = folder.resolve("." + checkpoint.getFileName() + ".old");
        deleteRecursively(discarded);
        Files.move(checkpoint, discarded, StandardCopyOption.ATOMIC_MOVE);
        sync(folder);
        deleteRecursively(discarded);
    }

    static void writeSynced(Path file, byte[] bytes) throws IOException {
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
