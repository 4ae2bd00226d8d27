package io.kinema.data.shard;

import io.kinema.data.command.ConfigException;
import io.kinema.data.storage.Folder;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads a data set: its index, and any clip's frames.
 *
 * <p>The SHA-256 of the index is checked when the data set is opened, the SHA-256 of a shard before its first clip is
 * read. So a caller gets the bytes that were written, or an exception. Calls from several threads take turns.
 */
public final class Dataset implements AutoCloseable {
    private static final int MAX_OPEN_SHARDS = 16;
    private static final String RESTORE = "; restore the file from a copy or prepare the data set again";

    /** The file that a preparation writes first. */
    private static final Set<String> BEGUN = Set.of(ShardGroupWriter.SHARDS, "prepare.args");

    private final Folder folder;
    private final Folder frames;
    private final Manifest manifest;
    private final String sha256;
    private final List<ClipEntry> clips;
    private final BitSet verifiedShards = new BitSet();
    private final LinkedHashMap<Integer, OpenShard> openShards = new LinkedHashMap<>(16, 0.75f, true);

    /** A shard, and the captions of its clips if they are in a file of their own. */
    private record OpenShard(ShardReader reader, Map<String, List<Caption>> captions) {}

    private Dataset(Folder folder, byte[] manifestBytes) throws IOException {
        this.folder = folder;
        this.manifest = Manifest.fromJson(manifestBytes, folder.locationOf(Manifest.FILE));
        this.sha256 = Sha256.of(manifestBytes);
        this.frames = manifest.framesFrom().isEmpty() ? folder : folder.elsewhere(manifest.framesFrom());
        byte[] indexBytes = readWhole(manifest.index());
        this.clips = List.copyOf(ShardIndex.fromBytes(
                indexBytes, folder.locationOf(manifest.index().file())));
        long rows =
                manifest.shards().stream().mapToLong(Manifest.FileEntry::rows).sum();
        if (clips.size() != rows || clips.size() != manifest.counts().clips()) {
            throw new IOException(folder + " has " + clips.size() + " clips in its index, " + rows
                    + " in its shards and " + manifest.counts().clips() + " by its manifest's counts" + RESTORE);
        }
    }

    /**
     * Opens a data set.
     *
     * @param location its folder: a plain path, {@code file://} or {@code hdfs://}
     * @return the data set; the caller closes it
     * @throws ConfigException if the folder is missing, is empty, holds an unfinished preparation, or holds a data set
     *     of another format version
     * @throws IOException if the manifest or the index is damaged or cannot be read
     */
    public static Dataset open(String location) throws IOException {
        Folder folder = Folder.at(location);
        if (folder.exists(Manifest.FILE)) {
            try (InputStream in = folder.open(Manifest.FILE)) {
                return new Dataset(folder, in.readAllBytes());
            }
        }
        if (!folder.exists("")) {
            throw new ConfigException("no folder " + folder + "; prepare a data set there with launch/prepare.sh");
        }
        if (!folder.isFolder()) {
            throw new ConfigException(folder + " is a file, not the folder of a data set; give its folder");
        }
        List<String> names = folder.list("");
        if (names.isEmpty()) {
            throw new ConfigException(folder + " is empty; prepare a data set there with launch/prepare.sh");
        }
        if (names.stream().anyMatch(BEGUN::contains)) {
            throw new ConfigException(folder + " holds an unfinished preparation (no " + Manifest.FILE
                    + "); prepare it again with --overwrite");
        }
        throw new ConfigException(folder + " is not a data set (no " + Manifest.FILE + ", but " + names.getFirst()
                + "); prepare one with launch/prepare.sh and give its output folder");
    }

    /**
     * Returns the list of the data set's files.
     *
     * @return the manifest
     */
    public Manifest manifest() {
        return manifest;
    }

    /**
     * Returns the identity of the data set.
     *
     * @return SHA-256 of {@code manifest.json}, in hex
     */
    public String sha256() {
        return sha256;
    }

    /** The folder of the shards. */
    Folder framesFolder() {
        return frames;
    }

    /**
     * Returns the index.
     *
     * @return one entry a clip, in index order; immutable
     */
    public List<ClipEntry> clips() {
        return clips;
    }

    /**
     * Reads a clip.
     *
     * @param entry one of {@link #clips()}
     * @return the clip with its frames
     * @throws IOException if the shard cannot be read or is damaged; the message has the path and both digests
     */
    public synchronized Clip read(ClipEntry entry) throws IOException {
        OpenShard shard = openShards.get(entry.shardIndex());
        if (shard == null) {
            shard = openShard(entry.shardIndex());
            openShards.put(entry.shardIndex(), shard);
            closeEldestAbove(MAX_OPEN_SHARDS);
        }
        Clip clip = shard.reader().read(entry);
        if (manifest.captions().isEmpty()) {
            return clip;
        }
        List<Caption> captions = shard.captions().get(entry.id());
        if (captions == null) {
            throw new IOException(folder.locationOf(
                            manifest.captions().get(entry.shardIndex()).file()) + " has no row for clip " + entry.id()
                    + " of the index" + RESTORE);
        }
        return clip.withCaptions(captions);
    }

    private OpenShard openShard(int shardIndex) throws IOException {
        Manifest.FileEntry shard = manifest.shards().get(shardIndex);
        if (!verifiedShards.get(shardIndex)) {
            verify(shard);
            verifiedShards.set(shardIndex);
        }
        Map<String, List<Caption>> captions = Map.of();
        if (!manifest.captions().isEmpty()) {
            Manifest.FileEntry apart = manifest.captions().get(shardIndex);
            captions = CaptionFile.fromBytes(readWhole(apart), folder.locationOf(apart.file()));
        }
        return new OpenShard(new ShardReader(frames, shard.file()), captions);
    }

    private void verify(Manifest.FileEntry shard) throws IOException {
        try (InputStream in = openPart(frames, shard.file());
                DigestingOutput nowhere = new DigestingOutput(OutputStream.nullOutputStream())) {
            in.transferTo(nowhere);
            compare(frames, shard, nowhere.numBytes(), nowhere.sha256());
        }
    }

    private static void compare(Folder place, Manifest.FileEntry part, long numBytes, String digest)
            throws IOException {
        if (numBytes != part.bytes() || !digest.equals(part.sha256())) {
            throw new IOException(place.locationOf(part.file()) + " is damaged: " + numBytes + " bytes with SHA-256 "
                    + digest + ", the manifest says " + part.bytes() + " bytes with SHA-256 " + part.sha256()
                    + RESTORE);
        }
    }

    private byte[] readWhole(Manifest.FileEntry part) throws IOException {
        try (InputStream in = openPart(folder, part.file())) {
            byte[] bytes = in.readAllBytes();
            compare(folder, part, bytes.length, Sha256.of(bytes));
            return bytes;
        }
    }

    private InputStream openPart(Folder place, String file) throws IOException {
        try {
            return place.open(file);
        } catch (FileNotFoundException e) {
            String where = place == folder
                    ? place.locationOf(file) + " is named in the manifest but not there"
                    : folder + " takes its frames from " + manifest.framesFrom() + ", and " + place.locationOf(file)
                            + " is not there";
            throw new IOException(where + RESTORE, e);
        }
    }

    private void closeEldestAbove(int limit) throws IOException {
        while (openShards.size() > limit) {
            Map.Entry<Integer, OpenShard> eldest = openShards.pollFirstEntry();
            eldest.getValue().reader().close();
        }
    }

    @Override
    public synchronized void close() throws IOException {
        closeEldestAbove(0);
    }
}
