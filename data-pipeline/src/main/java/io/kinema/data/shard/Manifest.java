package io.kinema.data.shard;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The list of a data set's files: {@code manifest.json}. It is written last and by rename: a folder without it is not a
 * data set.
 *
 * <p>Layout: a JSON object in UTF-8 with the members below under their own names; {@code preparedWith} is sorted by
 * key. The same input and flags give the same bytes, without a date. A data set with frames has version 1 and lacks the
 * last two members. A data set of captions, whose frames are in another data set's folder, has version 2.
 *
 * @param formatVersion version of this layout; shards and index have version 1 in both
 * @param shards the shards, in index order
 * @param index the index over all shards
 * @param preparedWith every setting that the clips' bytes depend on, by name: {@code patch}, {@code max-pixels},
 *     {@code clip-seconds}, {@code fps}, {@code decoder}
 * @param counts totals of the preparation
 * @param framesFrom the folder of the shards, relative to this folder or a URI; empty if the shards are in this folder
 * @param captions a file of captions for each shard, in the shards' order; empty if captions are in the shards
 */
public record Manifest(
        @JsonProperty(required = true) int formatVersion,
        @JsonProperty(required = true) List<FileEntry> shards,
        @JsonProperty(required = true) FileEntry index,
        @JsonProperty(required = true) Map<String, String> preparedWith,
        @JsonProperty(required = true) Counts counts,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) String framesFrom,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) List<FileEntry> captions) {
    /** Name of the file in a data set's folder. */
    public static final String FILE = "manifest.json";

    /** The version of a data set with frames. */
    static final int FORMAT_VERSION = 1;

    /** The version of a data set of captions for another data set's frames. */
    static final int CAPTIONS_VERSION = 2;

    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .build();

    /** Keeps its own copies. */
    public Manifest {
        shards = List.copyOf(shards);
        framesFrom = framesFrom == null ? "" : framesFrom;
        captions = captions == null ? List.of() : List.copyOf(captions);
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
    public record FileEntry(
            @JsonProperty(required = true) String file,
            @JsonProperty(required = true) long rows,
            @JsonProperty(required = true) long bytes,
            @JsonProperty(required = true) String sha256) {}

    /**
     * Totals of the preparation.
     *
     * @param files sources with at least one clip
     * @param clips number of clips
     * @param frames number of frames of all clips
     * @param seconds playing time of all clips
     * @param quarantined number of sources that were left out
     */
    public record Counts(
            @JsonProperty(required = true) long files,
            @JsonProperty(required = true) long clips,
            @JsonProperty(required = true) long frames,
            @JsonProperty(required = true) double seconds,
            @JsonProperty(required = true) long quarantined) {}

    private void checkCaptions(String where) throws IOException {
        boolean apart = formatVersion == CAPTIONS_VERSION;
        if (framesFrom.isEmpty() == apart || captions.size() != (apart ? shards.size() : 0)) {
            throw new IOException(where + " is damaged: format version " + formatVersion + " with " + shards.size()
                    + " shards, " + captions.size() + " files of captions and frames from '" + framesFrom
                    + "'; restore it or caption the data set again");
        }
    }

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
            if (version < FORMAT_VERSION || version > CAPTIONS_VERSION) {
                String remedy = version < FORMAT_VERSION
                        ? "prepare the data set again with this version of Kinema"
                        : "use the version of Kinema that wrote it, or a newer one";
                throw new ConfigException(where + " has format version " + version + ", this Kinema reads versions "
                        + FORMAT_VERSION + " and " + CAPTIONS_VERSION + "; " + remedy);
            }
            Manifest manifest = JSON.treeToValue(tree, Manifest.class);
            manifest.checkCaptions(where);
            return manifest;
        } catch (JsonProcessingException e) {
            throw new IOException(
                    where + " is damaged at byte "
                            + (e.getLocation() == null ? 0 : e.getLocation().getByteOffset()) + ": "
                            + e.getOriginalMessage() + "; restore it or prepare the data set again",
                    e);
        }
    }
}
