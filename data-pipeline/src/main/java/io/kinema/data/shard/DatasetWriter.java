package io.kinema.data.shard;

import io.kinema.data.command.ConfigException;
import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Makes a data set out of complete shards: writes the index and, last, the manifest. */
public final class DatasetWriter {
    private final Folder folder;
    private final Map<String, String> preparedWith;

    /**
     * Begins a data set.
     *
     * @param folder its folder, which holds the shards
     * @param preparedWith every setting that the clips' bytes depend on, by name
     */
    public DatasetWriter(Folder folder, Map<String, String> preparedWith) {
        this.folder = folder;
        this.preparedWith = Map.copyOf(preparedWith);
    }

    /**
     * Writes index and manifest. Other files in the shards' folder are deleted.
     *
     * @param shards the shards, in the order of the index
     * @param counts totals of the preparation
     * @return the manifest as written
     * @throws ConfigException if two clips have the same id
     * @throws IOException if a file cannot be written
     */
    public Manifest finish(List<ShardWriter.WrittenShard> shards, Manifest.Counts counts) throws IOException {
        List<Manifest.FileEntry> parts = new ArrayList<>();
        List<ClipEntry> entries = new ArrayList<>();
        Set<String> ids = new HashSet<>();
        for (ShardWriter.WrittenShard shard : shards) {
            for (ClipEntry entry : shard.entries()) {
                if (!ids.add(entry.id())) {
                    throw new ConfigException("two clips have the id " + entry.id() + "; rename one of their sources");
                }
                entries.add(entry.inShard(parts.size()));
            }
            parts.add(shard.part());
        }
        deleteAllBut(parts);
        byte[] indexBytes = ShardIndex.toBytes(entries);
        folder.write(ShardIndex.FILE, indexBytes);
        Manifest.FileEntry index =
                new Manifest.FileEntry(ShardIndex.FILE, entries.size(), indexBytes.length, Sha256.of(indexBytes));
        Manifest manifest = new Manifest(Manifest.FORMAT_VERSION, parts, index, preparedWith, counts, "", List.of());
        folder.write(Manifest.FILE, manifest.toJson());
        return manifest;
    }

    /**
     * Makes a data set of captions for the frames of another data set: writes the index and, last, the manifest.
     *
     * @param folder of the new data set, which holds the files of captions
     * @param frames the data set of the clips; if its frames are in a third data set, the new one refers to the third
     * @param captions a file for each shard of {@code frames}, in their order
     * @param captionedWith every setting that the captions depend on, by name; listed beside those of {@code frames}
     * @return the manifest as written
     * @throws IOException if a file cannot be written
     */
    public static Manifest finishCaptions(
            Folder folder, Dataset frames, List<Manifest.FileEntry> captions, Map<String, String> captionedWith)
            throws IOException {
        byte[] indexBytes = ShardIndex.toBytes(frames.clips());
        folder.write(ShardIndex.FILE, indexBytes);
        Manifest from = frames.manifest();
        Map<String, String> settings = new TreeMap<>(from.preparedWith());
        settings.putAll(captionedWith);
        Manifest manifest = new Manifest(
                Manifest.CAPTIONS_VERSION,
                from.shards(),
                new Manifest.FileEntry(
                        ShardIndex.FILE, frames.clips().size(), indexBytes.length, Sha256.of(indexBytes)),
                settings,
                from.counts(),
                folder.nameOf(frames.framesFolder()),
                captions);
        folder.write(Manifest.FILE, manifest.toJson());
        return manifest;
    }

    /** Deletes files that failed attempts have left behind. */
    private void deleteAllBut(List<Manifest.FileEntry> parts) throws IOException {
        Set<String> kept = new HashSet<>();
        parts.forEach(part -> kept.add(part.file()));
        if (folder.exists(ShardGroupWriter.SHARDS)) {
            for (String name : folder.list(ShardGroupWriter.SHARDS)) {
                String file = ShardGroupWriter.SHARDS + "/" + name;
                if (!kept.contains(file)) {
                    folder.delete(file);
                }
            }
        }
    }
}
