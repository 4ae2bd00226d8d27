package io.kinema.train.run;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Keeps a second launch out of a folder, for as long as it is open and this process lives: the file {@code .lock}, of
 * which byte 0 is locked by launches against each other, and byte 1 for those who only ask. So whoever asks takes
 * nothing that a launch wants.
 */
public final class FolderLock implements AutoCloseable {
    private static final String FILE = ".lock";
    private static final long LAUNCH = 0;
    private static final long SIGN = 1;

    private final FileChannel channel;

    private FolderLock(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Takes a folder for this process.
     *
     * @param flag that names it
     * @param folder its path
     * @return the lock
     * @throws ConfigException when another process has it
     * @throws IOException when nobody can
     */
    public static FolderLock take(String flag, Path folder) throws IOException {
        FileChannel channel = open(folder);
        try {
            if (channel.tryLock(LAUNCH, 1, false) == null) {
                throw new ConfigException(
                        flag + " " + folder + " is in use by another launch; wait for it, or choose another " + flag);
            }
            return signed(channel);
        } catch (IOException | ConfigException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Waits until no other process has a folder, and takes it.
     *
     * @param folder its path
     * @param waiting told once, where another process has it
     * @return the lock
     * @throws IOException when nobody can
     */
    public static FolderLock await(Path folder, Runnable waiting) throws IOException {
        FileChannel channel = open(folder);
        try {
            if (channel.tryLock(LAUNCH, 1, false) == null) {
                waiting.run();
                channel.lock(LAUNCH, 1, false);
            }
            return signed(channel);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private static FileChannel open(Path folder) throws IOException {
        return FileChannel.open(folder.resolve(FILE), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }

    /** Shows that the folder is taken; somebody may be asking right now, for a moment. */
    private static FolderLock signed(FileChannel channel) throws IOException {
        channel.lock(SIGN, 1, false);
        return new FolderLock(channel);
    }

    /**
     * Asks whether a process has a folder now, and neither takes the folder nor writes to it.
     *
     * @param folder its path; may not exist
     * @return whether one has
     * @throws IOException if it cannot be told
     */
    public static boolean isTaken(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        if (!Files.isRegularFile(file)) {
            return false;
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return channel.tryLock(SIGN, 1, true) == null;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
