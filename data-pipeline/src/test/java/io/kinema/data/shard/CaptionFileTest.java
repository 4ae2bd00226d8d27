package io.kinema.data.shard;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Data sets that have captions for another one's frames. */
class CaptionFileTest {
    private static final int CLIPS = 23;

    @TempDir
    Path folder;

    private Path prepared;
    private Path captioned;

    @BeforeEach
    void caption() throws IOException {
        prepared = folder.resolve("prepared");
        captioned = folder.resolve("captioned");
        SmallDataset.write(prepared, CLIPS);
        caption(prepared, captioned, "detailed");
    }

    @Test
    void shouldReadTheOtherDataSetsFramesWithAllCaptions() throws IOException {
        try (Dataset from = Dataset.open(prepared.toString());
                Dataset data = Dataset.open(captioned.toString())) {
            assertEquals(from.clips(), data.clips());
            assertFalse(from.sha256().equals(data.sha256()));
            assertFalse(Files.exists(captioned.resolve("shards")));
            for (ClipEntry entry : data.clips()) {
                Clip before = from.read(entry);
                Clip clip = data.read(entry);
                assertArrayEquals(before.framesTHWC(), clip.framesTHWC());
                int numBefore = before.captions().size();
                assertEquals(before.captions(), clip.captions().subList(0, numBefore));
                assertEquals(
                        List.of(written(entry.id(), "detailed")),
                        clip.captions().subList(numBefore, numBefore + 1));
                assertEquals(before.measurements(), clip.measurements());
            }
            assertEquals("2x8x8", data.manifest().preparedWith().get("patch"));
            assertEquals("none", data.manifest().preparedWith().get("captioner"));
        }
    }

    @Test
    void shouldGiveTheSameBytesForTheSameCaptions() throws IOException {
        Path again = folder.resolve("again");
        caption(prepared, again, "detailed");
        for (String file : List.of(Manifest.FILE, ShardIndex.FILE, "captions/shard-00000-00001.arrow")) {
            assertArrayEquals(Files.readAllBytes(captioned.resolve(file)), Files.readAllBytes(again.resolve(file)));
        }
    }

    @Test
    void shouldTakeFramesFromWhereTheyAreWhenCaptionedTwice() throws IOException {
        Path twice = folder.resolve("deeper/twice");
        caption(captioned, twice, "short");
        try (Dataset data = Dataset.open(twice.toString())) {
            assertEquals("../../prepared", data.manifest().framesFrom());
            ClipEntry last = data.clips().getLast();
            List<Caption> captions = data.read(last).captions();
            assertEquals(
                    List.of(written(last.id(), "detailed"), written(last.id(), "short")),
                    captions.subList(captions.size() - 2, captions.size()));
        }
    }

    @Test
    void shouldBeMovedTogetherWithItsFrames() throws IOException {
        Path moved = Files.createDirectory(folder.resolve("moved"));
        Files.move(captioned, moved.resolve("captioned"));
        IOException alone = assertThrows(IOException.class, () -> readAll(moved.resolve("captioned")));
        assertTrue(alone.getMessage().contains("takes its frames from ../prepared"), alone.getMessage());
        Files.move(prepared, moved.resolve("prepared"));
        readAll(moved.resolve("captioned"));
    }

    @Test
    void shouldNoticeEveryFlippedBitOfCaptionsAndFramesAndATruncation() throws IOException {
        for (Path file : List.of(
                captioned.resolve("captions/shard-00000-00002.arrow"),
                prepared.resolve("shards/shard-00000-00002.arrow"))) {
            byte[] bytes = Files.readAllBytes(file);
            for (int at = 0; at < bytes.length; at += 1 + bytes.length / 7) {
                byte[] flipped = bytes.clone();
                flipped[at] ^= 4;
                Files.write(file, flipped);
                IOException e = assertThrows(IOException.class, () -> readAll(captioned));
                assertTrue(e.getMessage().contains(file + " is damaged"), e.getMessage());
            }
            Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
            assertThrows(IOException.class, () -> readAll(captioned));
            Files.write(file, bytes);
        }
        readAll(captioned);
        Files.delete(captioned.resolve("captions/shard-00000-00000.arrow"));
        IOException gone = assertThrows(IOException.class, () -> readAll(captioned));
        assertTrue(gone.getMessage().contains("named in the manifest but not there"), gone.getMessage());
    }

    @Test
    void shouldRejectAManifestWhoseCaptionsDoNotFitItsShards() throws IOException {
        Path manifest = captioned.resolve(Manifest.FILE);
        String good = Files.readString(manifest);
        Files.writeString(manifest, good.replace("\"framesFrom\" : \"../prepared\"", "\"framesFrom\" : \"\""));
        IOException e = assertThrows(IOException.class, () -> Dataset.open(captioned.toString()));
        assertTrue(e.getMessage().contains("frames from ''"), e.getMessage());
        Files.writeString(manifest, good.replace("\"formatVersion\" : 2", "\"formatVersion\" : 1"));
        assertThrows(IOException.class, () -> Dataset.open(captioned.toString()));
    }

    private static void caption(Path from, Path to, String style) throws IOException {
        Folder out = Folder.at(to.toString());
        List<Manifest.FileEntry> files = new ArrayList<>();
        try (Dataset data = Dataset.open(from.toString())) {
            for (int shard = 0; shard < data.manifest().shards().size(); shard++) {
                LinkedHashMap<String, List<Caption>> captions = new LinkedHashMap<>();
                for (ClipEntry entry : data.clips()) {
                    if (entry.shardIndex() == shard) {
                        List<Caption> all = new ArrayList<>(data.read(entry).captions());
                        all.add(written(entry.id(), style));
                        captions.put(entry.id(), all);
                    }
                }
                files.add(CaptionFile.write(
                        out, data.manifest().shards().get(shard).file(), captions));
            }
            DatasetWriter.finishCaptions(out, data, files, Map.of("captioner", "none"));
        }
    }

    private static Caption written(String id, String style) {
        return new Caption("«" + id + "», as seen", "test", style, "m".repeat(64), "p", 0.25);
    }

    private static void readAll(Path location) throws IOException {
        try (Dataset data = Dataset.open(location.toString())) {
            for (ClipEntry entry : data.clips()) {
                data.read(entry);
            }
        }
    }
}
