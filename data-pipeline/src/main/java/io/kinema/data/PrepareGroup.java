package io.kinema.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.clip.ClipCutter;
import io.kinema.data.clip.CutSettings;
import io.kinema.data.clip.Source;
import io.kinema.data.shard.Sha256;
import io.kinema.data.shard.ShardGroupWriter;
import io.kinema.data.shard.ShardWriter;
import io.kinema.data.storage.Folder;
import io.kinema.data.video.Ffmpeg;
import io.kinema.data.video.UnusableSourceException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.security.AccessControlException;

/**
 * The work of one task: it writes the clips of a group of sources into shards of the group. Groups depend on the input
 * alone, so the shards do not depend on the machines. Travels as JSON.
 *
 * @param groupIndex number of the group
 * @param input location of the sources' folder
 * @param output location of the data set's folder
 * @param settings how to cut
 * @param ffmpeg path of an {@code ffmpeg} program; empty to look for one
 * @param timeoutSeconds the longest time of one decoder
 * @param sources the sources, sorted by path
 */
record PrepareGroup(
        int groupIndex,
        String input,
        String output,
        CutSettings settings,
        String ffmpeg,
        int timeoutSeconds,
        List<Source> sources) {
    private static final JsonMapper JSON = new JsonMapper();

    /**
     * A source that was left out.
     *
     * @param source its path relative to the input folder
     * @param sha256 SHA-256 of its bytes, in hex; empty if they could not be read
     * @param stage the stage that failed
     * @param reason why the source cannot be used
     */
    record Quarantined(String source, String sha256, String stage, String reason) {}

    /**
     * The result of a group.
     *
     * @param shards its shards, in order
     * @param quarantined the sources that were left out
     * @param numFrames frames of all clips
     * @param seconds playing time of all clips
     */
    record Outcome(
            List<ShardWriter.WrittenShard> shards, List<Quarantined> quarantined, long numFrames, double seconds) {
        static Outcome fromJson(String json) throws JsonProcessingException {
            return JSON.readValue(json, Outcome.class);
        }
    }

    String toJson() throws JsonProcessingException {
        return JSON.writeValueAsString(this);
    }

    /**
     * Does the work of a group.
     *
     * @param groupJson a group
     * @param scratchParent a local folder for temporary files
     * @return an {@link Outcome} as JSON
     */
    static String run(String groupJson, Path scratchParent) throws IOException {
        PrepareGroup group = JSON.readValue(groupJson, PrepareGroup.class);
        Path scratch = Files.createTempDirectory(scratchParent, "kinema-");
        try {
            return JSON.writeValueAsString(group.run(scratch));
        } finally {
            Files.deleteIfExists(scratch);
        }
    }

    private Outcome run(Path scratch) throws IOException {
        Folder in = Folder.at(input);
        ClipCutter cutter = new ClipCutter(Ffmpeg.locate(ffmpeg, timeoutSeconds), in, settings);
        List<Quarantined> quarantined = new ArrayList<>();
        Tally kept = new Tally();
        try (ShardGroupWriter writer =
                new ShardGroupWriter(Folder.at(output), groupIndex, ShardGroupWriter.SHARD_FRAME_BYTES)) {
            for (Source source : sources) {
                String sha256 = "";
                Tally ofSource = new Tally();
                // A safe name: ffmpeg reads a % in a picture's name as a place for a number.
                Path file = scratch.resolve("source" + extension(source.path()));
                try {
                    sha256 = fetch(in, source.path(), file);
                    cutter.cut(source, file, sha256, clip -> {
                        writer.write(clip);
                        ofSource.numFrames += clip.numFrames();
                        ofSource.seconds += clip.endSeconds() - clip.startSeconds();
                    });
                    writer.keepSource();
                    kept.numFrames += ofSource.numFrames;
                    kept.seconds += ofSource.seconds;
                } catch (UnusableSourceException e) {
                    writer.dropSource();
                    quarantined.add(new Quarantined(source.path(), sha256, e.stage(), e.getMessage()));
                } finally {
                    Files.deleteIfExists(file);
                }
            }
            return new Outcome(writer.finish(), quarantined, kept.numFrames, kept.seconds);
        }
    }

    private static final class Tally {
        private long numFrames;
        private double seconds;
    }

    /** Makes a source readable for ffmpeg: links a local file, copies any other file. Returns its SHA-256. */
    private static String fetch(Folder in, String path, Path file) throws IOException {
        if (!in.isLocal()) {
            try (InputStream source = openSource(in, path)) {
                Files.copy(source, file);
            }
        } else {
            Files.createSymbolicLink(file, Path.of(in.locationOf(path)));
        }
        try (InputStream bytes = in.isLocal() ? openSource(in, path) : Files.newInputStream(file)) {
            return Sha256.of(bytes);
        }
    }

    private static InputStream openSource(Folder in, String path) throws IOException {
        try {
            return in.open(path);
        } catch (FileNotFoundException | AccessControlException e) {
            throw new UnusableSourceException(
                    "read",
                    "cannot be opened: " + e.getMessage().lines().findFirst().orElse(""));
        }
    }

    private static String extension(String path) {
        String name = path.substring(path.lastIndexOf('/') + 1);
        String extension = name.substring(Math.max(0, name.lastIndexOf('.')));
        return extension.matches("\\.[A-Za-z0-9]{1,5}") ? extension : "";
    }
}
