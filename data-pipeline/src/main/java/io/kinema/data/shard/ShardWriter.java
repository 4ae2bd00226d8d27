package io.kinema.data.shard;

import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.compression.CompressionUtil.CodecType;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.ipc.message.IpcOption;

/**
 * Writes one shard: a file with the frames of many clips.
 *
 * <p>Layout, version 1: an <a href="https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format">Arrow IPC
 * file</a> whose buffers are compressed with zstd. The schema's metadata holds {@code kinema.shard.version}. One row is
 * one clip; no column is nullable:
 *
 * <table>
 * <caption>Columns</caption>
 * <tr><th>column</th><th>type</th><th>meaning</th></tr>
 * <tr><td>id</td><td>utf8</td><td>unique within the data set</td></tr>
 * <tr><td>sourceUri</td><td>utf8</td><td>source, relative to the input folder, URI-encoded</td></tr>
 * <tr><td>sourceSha256</td><td>utf8</td><td>SHA-256 of the source file, hex</td></tr>
 * <tr><td>startSeconds, endSeconds</td><td>float64</td><td>where in the source, seconds; end exclusive</td></tr>
 * <tr><td>frameRateHz</td><td>float64</td><td>frames a second; 0 for an image</td></tr>
 * <tr><td>numFrames, height, width</td><td>int32</td><td>T, H, W</td></tr>
 * <tr><td>frames</td><td>large binary</td><td>uint8 RGB, T·H·W·3 bytes, row-major</td></tr>
 * <tr><td>captions</td><td>list of struct {text, origin, model, promptHash: utf8}</td><td>see {@link Caption}</td></tr>
 * <tr><td>licence</td><td>utf8</td><td>empty where unknown</td></tr>
 * <tr><td>motion, brightness</td><td>float64</td><td>see {@link Measurements}</td></tr>
 * </table>
 *
 * <p>A record batch ends before the clip that would take its frames above 1 MiB, so that reading one clip decompresses
 * little else. The file is written under a temporary name and renamed when complete. Its bytes depend on the clips
 * alone.
 */
public final class ShardWriter implements AutoCloseable {
    private static final long BATCH_FRAME_BYTES = 1 << 20;

    private final Folder folder;
    private final String file;
    private final String temporaryFile;
    private final BufferAllocator allocator = new RootAllocator();
    private final VectorSchemaRoot root;
    private final DigestingOutput out;
    private final ArrowFileWriter writer;
    private final List<ClipEntry> entries = new ArrayList<>();
    private long frameBytes;
    private long batchFrameBytes;
    private int batchIndex;
    private int rowIndex;
    private boolean closed;

    /**
     * A complete shard.
     *
     * @param part its file, size and digest
     * @param entries its clips in order, with 0 as the index of the shard
     */
    public record WrittenShard(Manifest.FileEntry part, List<ClipEntry> entries) {
        /** Keeps its own copy. */
        public WrittenShard {
            entries = List.copyOf(entries);
        }
    }

    /**
     * Begins a shard.
     *
     * @param folder the data set's folder
     * @param file the shard's name below it; a file of that name is replaced at the end
     * @throws IOException if the file cannot be created
     */
    public ShardWriter(Folder folder, String file) throws IOException {
        this.folder = folder;
        this.file = file;
        // On a cluster two attempts at the same shard may overlap; each writes a file of its own.
        this.temporaryFile = file + "." + UUID.randomUUID() + ".tmp";
        this.out = new DigestingOutput(folder.create(temporaryFile));
        this.root = ShardColumns.allocate(allocator);
        this.writer = arrowWriter(root, out);
        writer.start();
    }

    static ArrowFileWriter arrowWriter(VectorSchemaRoot root, DigestingOutput out) {
        return new ArrowFileWriter(
                root,
                new DictionaryProvider.MapDictionaryProvider(),
                Channels.newChannel(out),
                null,
                IpcOption.DEFAULT,
                CommonsCompressionFactory.INSTANCE,
                CodecType.ZSTD);
    }

    /**
     * Adds a clip.
     *
     * @param clip the clip; its frames are copied
     * @throws IOException if the file cannot be written
     */
    public void write(Clip clip) throws IOException {
        if (rowIndex > 0 && batchFrameBytes + clip.framesTHWC().length > BATCH_FRAME_BYTES) {
            endBatch();
        }
        ShardColumns.set(root, rowIndex, clip);
        entries.add(new ClipEntry(clip.id(), 0, batchIndex, rowIndex, clip.numFrames(), clip.height(), clip.width()));
        rowIndex++;
        batchFrameBytes += clip.framesTHWC().length;
        frameBytes += clip.framesTHWC().length;
    }

    /**
     * Returns the size of the frames so far, before compression.
     *
     * @return bytes of all clips' frames
     */
    public long frameBytes() {
        return frameBytes;
    }

    /**
     * Completes the file and gives it its name.
     *
     * @return what was written
     * @throws IOException if the file cannot be written
     */
    public WrittenShard finish() throws IOException {
        if (rowIndex > 0) {
            endBatch();
        }
        writer.end();
        release();
        folder.rename(temporaryFile, file);
        return new WrittenShard(new Manifest.FileEntry(file, entries.size(), out.numBytes(), out.sha256()), entries);
    }

    private void endBatch() throws IOException {
        root.setRowCount(rowIndex);
        writer.writeBatch();
        root.clear();
        batchIndex++;
        rowIndex = 0;
        batchFrameBytes = 0;
    }

    private void release() throws IOException {
        closed = true;
        try (allocator;
                root;
                out) {
            writer.close();
        }
    }

    /** Drops an unfinished file. */
    @Override
    public void close() throws IOException {
        if (!closed) {
            release();
            folder.delete(temporaryFile);
        }
    }
}
