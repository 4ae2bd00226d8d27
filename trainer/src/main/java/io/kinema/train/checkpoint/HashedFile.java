package io.kinema.train.checkpoint;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** A file that is written once, front to back, and hashed on the way: nobody has to read it for its digest. */
final class HashedFile implements Closeable {
    private final Path path;
    private final Disk disk;
    private final FileChannel channel;
    private final MessageDigest sha256;
    private long bytes;

    /** Begins a file; an existing one is replaced. */
    HashedFile(Path path, Disk disk) throws IOException {
        this.path = path;
        this.disk = disk;
        try {
            sha256 = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
        channel = FileChannel.open(
                path, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING);
    }

    /** Writes all that is left in a buffer. */
    void write(ByteBuffer buffer) throws IOException {
        sha256.update(buffer.duplicate());
        long count = buffer.remaining();
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
        bytes += count;
        disk.written(count);
    }

    /** What was written; asked once, at the end. */
    WrittenFile written() {
        return new WrittenFile(
                path.getFileName().toString(), bytes, HexFormat.of().formatHex(sha256.digest()));
    }

    /** Syncs. */
    @Override
    public void close() throws IOException {
        try (channel) {
            channel.force(true);
        }
    }
}
