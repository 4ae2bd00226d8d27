package io.kinema.data.shard;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.ConfigException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a data set consists of: {@code manifest.json}, written last and by rename, so that a folder without one is not a data
 * set.
 *
 * <p>Layout, version 1: a JSON object in UTF-8 with the members below under their own names, and {@code preparedWith} sorted
 * by key. The same input and flags give the same bytes; nothing in it says when or where it was made.
 *
 * @param formatVersion version of this layout, of the shards' and of the index'
 * @param shards the shards, in index order
 * @param index the index over all shards
 * @param preparedWith every setting that the clips' bytes depend on, by name: {@code patch}, {@code max-pixels},
 *     {@code clip-seconds}, {@code fps}, {@code decoder}
 * @param counts how much went in and came out
 */
public record Manifest(
        int formatVersion, List<Part> shards, Part index, Map<String, String> preparedWith, Counts counts) {
    /** Name of the file in a data set's folder. */
    public static final String FILE = "manifest.json";

    /** The version that this code writes and reads. */
    public static final int FORMAT_VERSION = 1;

    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .build();

    /** Keeps its own copies. */
    public Manifest {
        shards = List.copyOf(shards);
        preparedWith = Collections.unmodifiableMap(new TreeMap<>(preparedWith));
    }

    /**
     * A file of the data set.
     *
     * @param file its path relative to the manifest
     * @param rows clips in it
     * @param bytes its size
     * @param sha256 SHA-256 of its bytes, in hex
     */
    public record Part(
            @JsonProperty(required = true) String file,
            @JsonProperty(required = true) long rows,
            @JsonProperty(required = true) long bytes,
            @JsonProperty(required = true) String sha256) {}

    /**
     * How much went in and came out.
     *
     * @param files sources that gave at least one clip
     * @param clips clips
     * @param frames frames of all clips
     * @param seconds playing time of all clips
     * @param quarantined sources that were left out
     */
    public record Counts(long files, long clips, long frames, double seconds, long quarantined) {}

    /** The file's bytes. */
    byte[] toJson() {
        try {
            return (JSON.writeValueAsString(this) + "\n").getBytes(StandardCharsets.UTF_8);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a manifest of plain values is always writable", e);
        }
    }

    /**
     * Reads a manifest.
     *
     * @param where the file, for messages
     * @throws ConfigException if it is of another format version
     * @throws IOException if the bytes are not a manifest
     */
    static Manifest fromJson(byte[] bytes, String where) throws IOException {
        try {
            JsonNode tree = JSON.readTree(bytes);
            if (!tree.path("formatVersion").isInt()) {
                throw new IOException(where + " has no formatVersion: it is not a data set's manifest;"
                        + " restore it or prepare the data set again");
            }
            int version = tree.get("formatVersion").intValue();
            if (version != FORMAT_VERSION) {
                String remedy = version < FORMAT_VERSION
                        ? "prepare the data set again with this version of Kinema"
                        : "use the version of Kinema that wrote it, or a newer one";
                throw new ConfigException(where + " has format version " + version + ", this Kinema reads version "
                        + FORMAT_VERSION + "; " + remedy);
            }
            return JSON.treeToValue(tree, Manifest.class);
        } catch (JsonProcessingException e) {
            throw new IOException(
                    where + " is damaged at byte "
                            + (e.getLocation() == null ? 0 : e.getLocation().getByteOffset()) + ": "
                            + e.getOriginalMessage() + "; restore it or prepare the data set again",
                    e);
        }
    }
}
