package io.kinema.recaption;

import io.kinema.data.shard.Caption;
import io.kinema.data.shard.CaptionFile;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.data.shard.DatasetWriter;
import io.kinema.data.shard.Manifest;
import io.kinema.data.shard.Measurements;
import io.kinema.data.shard.ShardGroupWriter;
import io.kinema.data.shard.ShardWriter;
import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A data set of a few clips whose frames and captions are given, for tests.
 *
 * <pre>{@code
 * new TinyData(4, 16, 24)
 *         .solid("red.mp4#0", 0xff0000, "a red wall")
 *         .gradient("sky.mp4#0", 0xffffff, 0x0000ff, "the sky", "blue and white")
 *         .write(folder.resolve("prepared"));
 * TinyData.caption(folder.resolve("prepared"), folder.resolve("captioned"), clip -> List.of(TinyData.written(…)));
 * }</pre>
 */
public final class TinyData {
    private static final double FRAME_RATE_HZ = 8;
    private static final int CLIPS_PER_SHARD = 4;

    private final int numFrames;
    private final int height;
    private final int width;
    private final List<Clip> clips = new ArrayList<>();

    /** A data set without clips; all that are added will be T×H×W. */
    public TinyData(int numFrames, int height, int width) {
        this.numFrames = numFrames;
        this.height = height;
        this.width = width;
    }

    /** Adds a clip of one colour, {@code 0xRRGGBB}, with captions that came with the source. */
    public TinyData solid(String id, int rgb, String... captions) {
        return gradient(id, rgb, rgb, captions);
    }

    /** Adds a clip that goes from one colour at the left to another at the right, the same in all frames. */
    public TinyData gradient(String id, int leftRgb, int rightRgb, String... captions) {
        byte[] frames = new byte[numFrames * height * width * 3];
        for (int i = 0; i < frames.length; i++) {
            int shift = 16 - 8 * (i % 3);
            int x = i / 3 % width;
            int left = leftRgb >> shift & 0xff;
            int right = rightRgb >> shift & 0xff;
            frames[i] = (byte) (width == 1 ? left : left + (right - left) * x / (width - 1));
        }
        List<Caption> all = new ArrayList<>();
        for (String caption : captions) {
            all.add(Caption.ofSource(caption, "txt"));
        }
        clips.add(new Clip(
                id,
                id.substring(0, id.lastIndexOf('#') < 0 ? id.length() : id.lastIndexOf('#')),
                "0".repeat(64),
                0,
                numFrames / FRAME_RATE_HZ,
                FRAME_RATE_HZ,
                numFrames,
                height,
                width,
                frames,
                all,
                "",
                Measurements.of(frames, numFrames)));
        return this;
    }

    /** Writes the clips, in the order in which they were added, four to a shard, each a source of its own. */
    public void write(Path folder) throws IOException {
        Folder out = Folder.at(folder.toString());
        long shardFrameBytes = 3L * CLIPS_PER_SHARD * numFrames * height * width;
        List<ShardWriter.WrittenShard> shards;
        try (ShardGroupWriter group = new ShardGroupWriter(out, 0, shardFrameBytes)) {
            for (Clip clip : clips) {
                group.write(clip);
                group.keepSource();
            }
            shards = group.finish();
        }
        int numClips = clips.size();
        Manifest.Counts counts = new Manifest.Counts(
                numClips, numClips, (long) numClips * numFrames, numClips * numFrames / FRAME_RATE_HZ, 0);
        new DatasetWriter(out, Map.of("patch", "2x8x8")).finish(shards, counts);
    }

    /** A caption as a model writes it. */
    public static Caption written(String text, String style, double confidence) {
        return new Caption(text, "dl4j", style, "0123456789abcdef".repeat(4), "fedcba9876543210".repeat(4), confidence);
    }

    /**
     * Writes a data set of captions for the frames of another: of each clip those that it has, and after them those
     * that are given.
     *
     * @param frames the other data set's folder
     * @param folder where to write
     * @param added the new captions of a clip
     */
    public static void caption(Path frames, Path folder, Function<Clip, List<Caption>> added) throws IOException {
        Folder out = Folder.at(folder.toString());
        try (Dataset data = Dataset.open(frames.toString())) {
            List<Manifest.FileEntry> files = new ArrayList<>();
            for (int shardIndex = 0; shardIndex < data.manifest().shards().size(); shardIndex++) {
                LinkedHashMap<String, List<Caption>> captions = new LinkedHashMap<>();
                for (ClipEntry entry : data.clips()) {
                    if (entry.shardIndex() == shardIndex) {
                        Clip clip = data.read(entry);
                        List<Caption> all = new ArrayList<>(clip.captions());
                        all.addAll(added.apply(clip));
                        captions.put(entry.id(), all);
                    }
                }
                String shard = data.manifest().shards().get(shardIndex).file();
                files.add(CaptionFile.write(out, shard, captions));
            }
            DatasetWriter.finishCaptions(out, data, files, Map.of("captioner", "tiny"));
        }
    }
}
