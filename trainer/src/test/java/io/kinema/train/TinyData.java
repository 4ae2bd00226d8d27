package io.kinema.train;

import io.kinema.data.shard.Caption;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.DatasetWriter;
import io.kinema.data.shard.Manifest;
import io.kinema.data.shard.Measurements;
import io.kinema.data.shard.ShardGroupWriter;
import io.kinema.data.shard.ShardWriter;
import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A data set of small clips of several shapes, images among them, for patches of 2x4x4. */
public final class TinyData {
    private static final int CLIPS = 11;
    private static final double RATE_HZ = 4;

    private TinyData() {}

    public static Path write(Path folder, long seed) throws IOException {
        return write(folder, seed, "");
    }

    /** With captions that end alike. */
    public static Path write(Path folder, long seed, String captionEnd) throws IOException {
        Folder out = Folder.at(folder.toString());
        List<ShardWriter.WrittenShard> shards;
        long numFrames = 0;
        try (ShardGroupWriter group = new ShardGroupWriter(out, 0, 4_000)) {
            for (int i = 0; i < CLIPS; i++) {
                Clip clip = clip(i, seed, captionEnd);
                group.write(clip);
                group.keepSource();
                numFrames += clip.numFrames();
            }
            shards = group.finish();
        }
        Manifest.Counts counts = new Manifest.Counts(CLIPS, CLIPS, numFrames, numFrames / RATE_HZ, 0);
        new DatasetWriter(out, Map.of("patch", "2x4x4")).finish(shards, counts);
        return folder;
    }

    private static Clip clip(int number, long seed, String captionEnd) {
        int numFrames = number % 4 == 0 ? 1 : 2 * (number % 3 + 1);
        int height = 4 * (number % 2 + 1);
        int width = 12;
        byte[] frames = new byte[numFrames * height * width * 3];
        new Random(seed + number).nextBytes(frames);
        return new Clip(
                "clip-" + number + ".mp4#0",
                "clip-" + number + ".mp4",
                String.format("%064x", number),
                0,
                numFrames / RATE_HZ,
                numFrames == 1 ? 0 : RATE_HZ,
                numFrames,
                height,
                width,
                frames,
                number == 5 ? List.of() : List.of(Caption.ofSource("clip number " + number + captionEnd, "txt")),
                "",
                Measurements.of(frames, numFrames));
    }
}
