package io.kinema.train.run;

import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.CheckpointFolder;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.UUID;

/**
 * Where a run keeps everything about itself.
 *
 * @param path the folder
 */
public record RunFolder(Path path) {
    private static final DateTimeFormatter NAME = DateTimeFormatter.ofPattern("yyyy-MM-dd-HHmmss");

    /**
     * Makes a new folder below another: two launches in one second get two.
     *
     * @param runs where; made too
     * @return an empty folder, named after the time
     * @throws ConfigException when it cannot be written
     */
    public static RunFolder fresh(Path runs) {
        String name = LocalDateTime.now().format(NAME);
        try {
            Files.createDirectories(runs);
            for (int i = 1; ; i++) {
                Path path = runs.resolve(i == 1 ? name : name + "-" + i);
                try {
                    return new RunFolder(Files.createDirectory(path));
                } catch (FileAlreadyExistsException e) {
                    // The next name.
                }
            }
        } catch (IOException e) {
            throw new ConfigException(
                    "no --run given, and " + runs.toAbsolutePath() + " cannot be written (" + e + "); name a folder");
        }
    }

    /**
     * Removes the folder, if nothing is in it: where a launch ends before it has begun.
     *
     * @throws IOException when a file or a connection fails
     */
    public void deleteIfEmpty() throws IOException {
        try {
            Files.deleteIfExists(path);
        } catch (DirectoryNotEmptyException e) {
            // Somebody has begun to use it.
        }
    }

    /**
     * Makes the folder and those in it.
     *
     * @throws ConfigException when it cannot be written
     */
    public void create() {
        try {
            Files.createDirectories(logs());
            Files.createDirectories(samples());
            Files.createDirectories(checkpoints());
            Files.delete(Files.createTempFile(path, ".writable", ""));
        } catch (IOException e) {
            throw new ConfigException("--run " + path + " cannot be written (" + e
                    + "); choose another folder or change its permissions");
        }
    }

    /**
     * Takes the folder for this process.
     *
     * @return held until it is closed
     * @throws ConfigException when another process has it
     * @throws IOException when a file or a connection fails
     */
    public FolderLock lock() throws IOException {
        return FolderLock.take("--run", path);
    }

    /** The id of the launch that has the folder: what another host finds there only if it has the same folder. */
    private Path launchId() {
        return path.resolve(".launch");
    }

    /**
     * Whether that file is there and has this id.
     *
     * @param id of a launch
     * @return whether that launch wrote here last
     */
    public boolean hasLaunch(String id) {
        try {
            return Files.readString(launchId()).equals(id);
        } catch (IOException notThere) {
            return false;
        }
    }

    /**
     * Writes a new id.
     *
     * @return the id of this launch
     * @throws IOException when a file or a connection fails
     */
    public String markLaunch() throws IOException {
        String id = UUID.randomUUID().toString();
        Files.writeString(launchId(), id);
        return id;
    }

    /**
     * The flags that repeat the run, for people.
     *
     * @return {@code run.args}
     */
    public Path args() {
        return path.resolve("run.args");
    }

    /**
     * Writes the flags that repeat the run.
     *
     * @param flags one each
     * @throws IOException when they cannot be written
     */
    public void writeArgs(List<String> flags) throws IOException {
        Path temporary = path.resolve(".run.args.tmp");
        Files.writeString(temporary, "# launch/train.sh @" + args() + "\n" + String.join("\n", flags) + "\n");
        Files.move(temporary, args(), StandardCopyOption.ATOMIC_MOVE);
    }

    /**
     * The description of the run, for programs.
     *
     * @return {@code run.json}
     */
    public Path description() {
        return path.resolve("run.json");
    }

    /**
     * Returns the file of one line a step.
     *
     * @return {@code metrics.jsonl}
     */
    public Path metrics() {
        return path.resolve("metrics.jsonl");
    }

    /**
     * Returns the file of steps that were left out.
     *
     * @return {@code spikes.jsonl}
     */
    public Path spikes() {
        return path.resolve("spikes.jsonl");
    }

    /**
     * Returns the folder of the output of each rank.
     *
     * @return {@code logs/}
     */
    public Path logs() {
        return path.resolve("logs");
    }

    /**
     * Keeps the report of a hang, and says where.
     *
     * @param report lines of text
     * @return the file
     * @throws IOException when a file or a connection fails
     */
    public Path writeHang(String report) throws IOException {
        return Files.writeString(path.resolve("hang-" + LocalDateTime.now().format(NAME) + ".txt"), report);
    }

    /**
     * Returns the folder of sampled videos.
     *
     * @return {@code samples/}
     */
    public Path samples() {
        return path.resolve("samples");
    }

    /**
     * Returns the folder of checkpoints.
     *
     * @return {@code checkpoints/}
     */
    public Path checkpoints() {
        return path.resolve(CheckpointFolder.NAME);
    }
}
