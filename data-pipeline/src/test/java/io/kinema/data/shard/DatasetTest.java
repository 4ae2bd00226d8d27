package io.kinema.data.shard;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DatasetTest {
    @TempDir
    Path folder;

    @Test
    void shouldReadEveryClipAsItWasWrittenInAnyOrder() throws IOException {
        SmallDataset.write(folder, 23);
        try (Dataset data = Dataset.open(folder.toString())) {
            assertEquals(23, data.clips().size());
            assertTrue(data.manifest().shards().size() > 3, "the test needs several shards");
            List<ClipEntry> shuffled = new ArrayList<>(data.clips());
            Collections.shuffle(shuffled, new Random(5));
            for (ClipEntry entry : shuffled) {
                assertSame(SmallDataset.clip(data.clips().indexOf(entry)), data.read(entry), entry);
            }
        }
    }

    @Test
    void shouldHoldManyClipsInOneRecordBatchAndSeveralBatchesInOneShard() throws IOException {
        Clip small = SmallDataset.clip(0);
        try (ShardWriter writer = new ShardWriter(Folder.at(folder.toString()), "shards/a.arrow")) {
            int numClips = 3 * (1 << 20) / small.framesTHWC().length;
            for (int i = 0; i < numClips; i++) {
                writer.write(small);
            }
            List<ClipEntry> entries = writer.finish().entries();
            assertEquals(2, entries.getLast().batchIndex());
            assertEquals(
                    (1 << 20) / small.framesTHWC().length - 1,
                    entries.stream()
                            .filter(entry -> entry.batchIndex() == 0)
                            .mapToInt(ClipEntry::rowIndex)
                            .max()
                            .orElseThrow());
        }
    }

    @Test
    void shouldOpenTheSameDatasetByPathAndByUri() throws IOException {
        SmallDataset.write(folder, 2);
        try (Dataset byPath = Dataset.open(folder.toString());
                Dataset byUri = Dataset.open(folder.toUri().toString())) {
            assertEquals(byPath.sha256(), byUri.sha256());
            assertEquals(Sha256.of(Files.readAllBytes(folder.resolve("manifest.json"))), byPath.sha256());
        }
    }

    @Test
    void shouldWriteTheSameBytesTwice(@TempDir Path other) throws IOException {
        SmallDataset.write(folder, 9);
        SmallDataset.write(other, 9);
        assertEquals(digests(folder), digests(other));
        assertTrue(digests(folder).keySet().stream().noneMatch(name -> name.endsWith(".crc") || name.contains(".tmp")));
    }

    @Test
    void shouldRejectEveryFlippedByteOfAShard() throws IOException {
        Manifest manifest = SmallDataset.write(folder, 2);
        Path shard = folder.resolve(manifest.shards().getFirst().file());
        byte[] good = Files.readAllBytes(shard);
        for (int at = 0; at < good.length; at += good.length / 7) {
            byte[] flipped = good.clone();
            flipped[at] ^= 0x10;
            Files.write(shard, flipped);
            try (Dataset data = Dataset.open(folder.toString())) {
                IOException e = assertThrows(
                        IOException.class, () -> data.read(data.clips().getFirst()));
                assertTrue(e.getMessage().contains(shard.toString()), e.getMessage());
                assertTrue(e.getMessage().contains(Sha256.of(good)), e.getMessage());
                assertTrue(e.getMessage().contains(Sha256.of(flipped)), e.getMessage());
                assertTrue(e.getMessage().contains("prepare the data set again"), e.getMessage());
            }
        }
    }

    @Test
    void shouldRejectATruncatedOrMissingShard() throws IOException {
        Manifest manifest = SmallDataset.write(folder, 2);
        Path shard = folder.resolve(manifest.shards().getFirst().file());
        byte[] good = Files.readAllBytes(shard);
        Files.write(shard, Arrays.copyOf(good, good.length - 1));
        try (Dataset data = Dataset.open(folder.toString())) {
            assertThrows(IOException.class, () -> data.read(data.clips().getFirst()));
        }
        Files.delete(shard);
        try (Dataset data = Dataset.open(folder.toString())) {
            IOException e =
                    assertThrows(IOException.class, () -> data.read(data.clips().getFirst()));
            assertTrue(e.getMessage().contains("not there"), e.getMessage());
        }
    }

    @Test
    void shouldStillReadGoodShardsBesideADamagedOne() throws IOException {
        Manifest manifest = SmallDataset.write(folder, 23);
        Files.write(folder.resolve(manifest.shards().getFirst().file()), new byte[] {1, 2, 3});
        try (Dataset data = Dataset.open(folder.toString())) {
            assertSame(
                    SmallDataset.clip(22),
                    data.read(data.clips().getLast()),
                    data.clips().getLast());
        }
    }

    @Test
    void shouldRejectAFlippedOrTruncatedIndex() throws IOException {
        SmallDataset.write(folder, 3);
        Path index = folder.resolve("index.arrow");
        byte[] good = Files.readAllBytes(index);
        byte[] flipped = good.clone();
        flipped[good.length / 2] ^= 1;
        for (byte[] bad : List.of(flipped, Arrays.copyOf(good, good.length / 2), new byte[0])) {
            Files.write(index, bad);
            IOException e = assertThrows(IOException.class, () -> Dataset.open(folder.toString()));
            assertTrue(e.getMessage().contains(Sha256.of(bad)), e.getMessage());
        }
    }

    @Test
    void shouldRejectATruncatedManifest() throws IOException {
        SmallDataset.write(folder, 1);
        Path manifest = folder.resolve("manifest.json");
        byte[] good = Files.readAllBytes(manifest);
        for (int length = 0; length < good.length - 2; length += 40) {
            Files.write(manifest, Arrays.copyOf(good, length));
            IOException e = assertThrows(IOException.class, () -> Dataset.open(folder.toString()));
            assertTrue(e.getMessage().contains(manifest.toString()), e.getMessage());
        }
    }

    @Test
    void shouldNameBothVersionsWhenTheFormatIsOlderOrNewer() throws IOException {
        SmallDataset.write(folder, 1);
        Path manifest = folder.resolve("manifest.json");
        String good = Files.readString(manifest);
        for (int version : new int[] {0, 3}) {
            Files.writeString(manifest, good.replace("\"formatVersion\" : 1", "\"formatVersion\" : " + version));
            ConfigException e = assertThrows(ConfigException.class, () -> Dataset.open(folder.toString()));
            assertTrue(e.getMessage().contains("format version " + version), e.getMessage());
            assertTrue(e.getMessage().contains("reads versions 1 and 2"), e.getMessage());
        }
    }

    @Test
    void shouldSayWhatAFolderWithoutManifestIs() throws IOException {
        Path nowhere = folder.resolve("nowhere");
        Path empty = Files.createDirectory(folder.resolve("empty"));
        Path unfinished =
                Files.createDirectories(folder.resolve("unfinished/shards")).getParent();
        Path other = Files.createDirectory(folder.resolve("other"));
        Path file = Files.writeString(other.resolve("notes.md"), "hello");
        Map<Path, String> expected = Map.of(
                nowhere, "no folder",
                empty, "is empty",
                unfinished, "unfinished preparation",
                other, "notes.md",
                file, "is a file");
        expected.forEach((location, words) -> {
            ConfigException e = assertThrows(ConfigException.class, () -> Dataset.open(location.toString()));
            assertTrue(e.getMessage().contains(words), e.getMessage());
            assertTrue(e.getMessage().contains(location.toString()), e.getMessage());
            assertFalse(e.getMessage().contains("\n"), e.getMessage());
        });
    }

    @Test
    void shouldRejectALocationOfAnUnknownKind() {
        ConfigException e = assertThrows(ConfigException.class, () -> Dataset.open("gopher://somewhere/data"));
        assertTrue(e.getMessage().contains("gopher"), e.getMessage());
    }

    private static void assertSame(Clip expected, Clip read, ClipEntry entry) {
        assertArrayEquals(expected.framesTHWC(), read.framesTHWC());
        assertEquals(entry.numFrames(), read.numFrames());
        assertEquals(entry.height(), read.height());
        assertEquals(entry.width(), read.width());
        assertEquals(text(expected), text(read));
    }

    /** Everything but the array, whose text would be its address. */
    private static String text(Clip clip) {
        return clip.toString().replaceFirst("framesTHWC=[^,]*,", "");
    }

    private static Map<String, String> digests(Path root) throws IOException {
        Map<String, String> digests = new TreeMap<>();
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                digests.put(root.relativize(file).toString(), Sha256.of(Files.readAllBytes(file)));
            }
        }
        return digests;
    }
}
