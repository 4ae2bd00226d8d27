package io.kinema.train.run;

import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.CheckpointFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.UUID;

/**
 * Where a run keeps everything about itself.
 *
 * @param path the folder
 */
public record RunFolder(Path path) {
    private static final DateTimeFormatter NAME = DateTimeFormatter.ofPattern("yyyy-MM-dd-HHmmss");

    /** A new name below {@code runs}. */
    public static Path fresh() {
        return Path.of("runs", LocalDateTime.now().format(NAME));
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
     * @throws ConfigException when another process has it
     */
    public FolderLock lock() throws IOException {
        return FolderLock.take("--run", path);
    }

    /** The id of the launch that has the folder: what another host finds there only if it has the same folder. */
    private Path launchId() {
        return path.resolve(".launch");
    }

    /** Whether that file is there and has this id. */
    public boolean hasLaunch(String id) {
        try {
            return Files.readString(launchId()).equals(id);
        } catch (IOException notThere) {
            return false;
        }
    }

    /** Writes a new id. */
    public String markLaunch() throws IOException {
        String id = UUID.randomUUID().toString();
        Files.writeString(launchId(), id);
        return id;
    }

    /** The resolved flags. */
    public Path args() {
        return path.resolve("run.args");
    }

    public Path metrics() {
        return path.resolve("metrics.jsonl");
    }

    public Path spikes() {
        return path.resolve("spikes.jsonl");
    }

    public Path logs() {
        return path.resolve("logs");
    }

    /** Keeps the report of a hang, and says where. */
    public Path writeHang(String report) throws IOException {
        return Files.writeString(path.resolve("hang-" + LocalDateTime.now().format(NAME) + ".txt"), report);
    }

    public Path samples() {
        return path.resolve("samples");
    }

    public Path checkpoints() {
        return path.resolve(CheckpointFolder.NAME);
    }
}
