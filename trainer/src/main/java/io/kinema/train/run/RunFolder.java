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
record RunFolder(Path path) {
    private static final DateTimeFormatter NAME = DateTimeFormatter.ofPattern("yyyy-MM-dd-HHmmss");

    /** A new name below {@code runs}. */
    static Path fresh() {
        return Path.of("runs", LocalDateTime.now().format(NAME));
    }

    /**
     * Makes the folder and those in it.
     *
     * @throws ConfigException when it cannot be written
     */
    void create() {
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
    FolderLock lock() throws IOException {
        return FolderLock.take("--run", path);
    }

    /** The id of the launch that has the folder: what another host finds there only if it has the same folder. */
    private Path launchId() {
        return path.resolve(".launch");
    }

    /** Whether that file is there and has this id. */
    boolean hasLaunch(String id) {
        try {
            return Files.readString(launchId()).equals(id);
        } catch (IOException notThere) {
            return false;
        }
    }

    /** Writes a new id. */
    String markLaunch() throws IOException {
        String id = UUID.randomUUID().toString();
        Files.writeString(launchId(), id);
        return id;
    }

    /** The resolved flags. */
    Path args() {
        return path.resolve("run.args");
    }

    Path metrics() {
        return path.resolve("metrics.jsonl");
    }

    Path spikes() {
        return path.resolve("spikes.jsonl");
    }

    Path logs() {
        return path.resolve("logs");
    }

    /** Keeps the report of a hang, and says where. */
    Path writeHang(String report) throws IOException {
        return Files.writeString(path.resolve("hang-" + LocalDateTime.now().format(NAME) + ".txt"), report);
    }

    Path samples() {
        return path.resolve("samples");
    }

    Path checkpoints() {
        return path.resolve(CheckpointFolder.NAME);
    }
}
