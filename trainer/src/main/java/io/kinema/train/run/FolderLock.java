package io.kinema.train.run;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/** Keeps a second launch out of a folder, for as long as it is open and this process lives. */
public final class FolderLock implements AutoCloseable {
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
        return attempt(folder)
                .orElseThrow(() -> new ConfigException(
                        flag + " " + folder + " is in use by another launch; wait for it, or choose another " + flag));
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
        Optional<FolderLock> lock = attempt(folder);
        if (lock.isPresent()) {
            return lock.get();
        }
        waiting.run();
        FileChannel channel = open(folder);
        channel.lock();
        return new FolderLock(channel);
    }

    /**
     * Asks whether a process has a folder now.
     *
     * @param folder its path; may not exist
     * @return whether one has
     * @throws IOException if it cannot be told
     */
    public static boolean isTaken(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return false;
        }
        Optional<FolderLock> lock = attempt(folder);
        if (lock.isPresent()) {
            lock.get().close();
        }
        return lock.isEmpty();
    }

    private static Optional<FolderLock> attempt(Path folder) throws IOException {
        FileChannel channel = open(folder);
        if (channel.tryLock() == null) {
            channel.close();
            return Optional.empty();
        }
        return Optional.of(new FolderLock(channel));
    }

    private static FileChannel open(Path folder) throws IOException {
        return FileChannel.open(folder.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
