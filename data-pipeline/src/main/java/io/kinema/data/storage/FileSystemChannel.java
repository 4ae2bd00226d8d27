package io.kinema.data.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import org.apache.hadoop.fs.FSDataInputStream;

/** A Hadoop stream as the seekable channel that Arrow reads from. Closing it closes the stream. */
final class FileSystemChannel implements SeekableByteChannel {
    private static final int CHUNK_BYTES = 1 << 16;

    private final FSDataInputStream in;
    private final long sizeBytes;
    private boolean open = true;

    FileSystemChannel(FSDataInputStream in, long sizeBytes) {
        this.in = in;
        this.sizeBytes = sizeBytes;
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
        if (!target.hasRemaining()) {
            return 0;
        }
        byte[] chunk = new byte[Math.min(target.remaining(), CHUNK_BYTES)];
        int numRead = in.read(chunk, 0, chunk.length);
        if (numRead > 0) {
            target.put(chunk, 0, numRead);
        }
        return numRead;
    }

    @Override
    public long position() throws IOException {
        return in.getPos();
    }

    @Override
    public SeekableByteChannel position(long position) throws IOException {
        in.seek(position);
        return this;
    }

    @Override
    public long size() {
        return sizeBytes;
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    @Override
    public void close() throws IOException {
        open = false;
        in.close();
    }

    @Override
    public int write(ByteBuffer source) {
        throw new NonWritableChannelException();
    }

    @Override
    public SeekableByteChannel truncate(long newSizeBytes) {
        throw new NonWritableChannelException();
    }
}
