package io.kinema.train.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;

/** What lies under a folder of checkpoints: how much is free, and how much was written and read. */
public class Disk {
    private final AtomicLong moved = new AtomicLong();

    /** Begins to count at 0. */
    public Disk() {}

    /**
     * Returns how much can be written.
     *
     * @param folder may not exist yet
     * @return bytes
     * @throws IOException when nobody can tell
     */
    public long usableBytes(Path folder) throws IOException {
        Path there = folder.toAbsolutePath().normalize();
        while (!Files.exists(there) && there.getParent() != null) {
            there = there.getParent();
        }
        return Files.getFileStore(there).getUsableSpace();
    }

    /**
     * Is told of each piece that was written.
     *
     * @param bytes of the piece
     * @throws IOException when the piece is taken for one that could not be written
     */
    public void written(long bytes) throws IOException {
        moved.addAndGet(bytes);
    }

    /**
     * Is told of each piece that was read.
     *
     * @param bytes of the piece
     */
    public void read(long bytes) {
        moved.addAndGet(bytes);
    }

    /**
     * Returns how much was written and read so far.
     *
     * @return bytes
     */
    public long movedBytes() {
        return moved.get();
    }
}
