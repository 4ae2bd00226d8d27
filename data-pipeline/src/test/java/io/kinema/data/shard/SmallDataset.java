package io.kinema.data.shard;

import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Clips of noise, and data sets of them. */
final class SmallDataset {
    private SmallDataset() {}

    /** A clip whose size and content follow from its number. */
    static Clip clip(int number) {
        int numFrames = 2 + 2 * (number % 3);
        int height = 16 + 8 * (number % 2);
        byte[] frames = new byte[numFrames * height * 24 * 3];
        new Random(number).nextBytes(frames);
        List<Caption> captions = new ArrayList<>();
        for (int i = 0; i < number % 3; i++) {
            captions.add(Caption.ofSource("a clip, number " + number + " — «" + i + "»", "txt"));
        }
        return new Clip(
                "clip-" + number + ".mp4#0",
                "clip-" + number + ".mp4",
                Sha256.of(new byte[] {(byte) number}),
                0.5,
                0.5 + numFrames / 12.0,
                12,
                numFrames,
                height,
                24,
                frames,
                captions,
                number % 2 == 0 ? "CC0-1.0" : "",
                Measurements.of(frames, numFrames));
    }

    /** Writes clips 0 to {@code numClips - 1}, each a source of its own, into shards of about 20 kB of frames. */
    static Manifest write(Path folder, int numClips) throws IOException {
        Folder out = Folder.at(folder.toString());
        long numFrames = 0;
        List<ShardWriter.WrittenShard> shards;
        try (ShardGroupWriter group = new ShardGroupWriter(out, 0, 20_000)) {
            for (int i = 0; i < numClips; i++) {
                group.write(clip(i));
                group.keepSource();
                numFrames += clip(i).numFrames();
            }
            shards = group.finish();
        }
        Manifest.Counts counts = new Manifest.Counts(numClips, numClips, numFrames, numFrames / 12.0, 0);
        return new DatasetWriter(out, Map.of("patch", "2x8x8")).finish(shards, counts);
    }
}
