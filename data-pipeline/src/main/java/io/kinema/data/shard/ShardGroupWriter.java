package io.kinema.data.shard;

import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes the clips of a group of sources into as many shards as they need.
 *
 * <p>The clips of a source are held back until the source has ended without damage, so that a damaged source leaves
 * nothing behind. A source whose frames alone exceed a shard gets shards of its own; they are deleted if the source is
 * damaged. Shards are named {@code shards/shard-GGGGG-PPPPP.arrow} by group and part, both decimal, so groups can be
 * written by different processes.
 */
public final class ShardGroupWriter implements AutoCloseable {
    /** A shard ends with the source that brings its uncompressed frames to this many bytes. */
    public static final long SHARD_FRAME_BYTES = 64 << 20;

    /** The folder of the shards. */
    public static final String SHARDS = "shards";

    private final Folder folder;
    private final int groupIndex;
    private final long shardFrameBytes;
    private final List<ShardWriter.WrittenShard> finished = new ArrayList<>();
    private final List<Clip> held = new ArrayList<>();
    private long heldFrameBytes;
    private ShardWriter current;
    private int firstPartOfLongSource = -1;

    /**
     * Begins a group.
     *
     * @param folder the data set's folder
     * @param groupIndex number of the group, for the shards' names
     * @param shardFrameBytes when to end a shard: see {@link #SHARD_FRAME_BYTES}
     */
    public ShardGroupWriter(Folder folder, int groupIndex, long shardFrameBytes) {
        this.folder = folder;
        this.groupIndex = groupIndex;
        this.shardFrameBytes = shardFrameBytes;
    }

    /**
     * Adds a clip of the current source.
     *
     * @param clip the clip; its frames must stay as they are until the source ends
     * @throws IOException if a shard cannot be written
     */
    public void write(Clip clip) throws IOException {
        held.add(clip);
        heldFrameBytes += clip.framesTHWC().length;
        if (heldFrameBytes >= shardFrameBytes) {
            if (firstPartOfLongSource < 0) {
                endShard();
                firstPartOfLongSource = finished.size();
            }
            writeHeld();
            endShard();
        }
    }

    /**
     * Ends the current source: its clips are part of the data set.
     *
     * @throws IOException if a shard cannot be written
     */
    public void keepSource() throws IOException {
        writeHeld();
        if (firstPartOfLongSource >= 0 || current != null && current.frameBytes() >= shardFrameBytes) {
            endShard();
        }
        firstPartOfLongSource = -1;
    }

    /**
     * Ends the current source and drops all its clips.
     *
     * @throws IOException if a shard of the source cannot be deleted
     */
    public void dropSource() throws IOException {
        held.clear();
        heldFrameBytes = 0;
        if (firstPartOfLongSource >= 0) {
            List<ShardWriter.WrittenShard> dropped = finished.subList(firstPartOfLongSource, finished.size());
            for (ShardWriter.WrittenShard shard : dropped) {
                folder.delete(shard.part().file());
            }
            dropped.clear();
        }
        firstPartOfLongSource = -1;
    }

    /**
     * Ends the group.
     *
     * @return its shards in order; none if no source was kept
     * @throws IOException if a shard cannot be written
     */
    public List<ShardWriter.WrittenShard> finish() throws IOException {
        endShard();
        return List.copyOf(finished);
    }

    private void writeHeld() throws IOException {
        for (Clip clip : held) {
            if (current == null) {
                String name = String.format("%s/shard-%05d-%05d.arrow", SHARDS, groupIndex, finished.size());
                current = new ShardWriter(folder, name);
            }
            current.write(clip);
        }
        held.clear();
        heldFrameBytes = 0;
    }

    private void endShard() throws IOException {
        if (current != null) {
            finished.add(current.finish());
            current = null;
        }
    }

    /** Drops an unfinished shard; complete shards stay. */
    @Override
    public void close() throws IOException {
        if (current != null) {
            current.close();
            current = null;
        }
    }
}
