package io.kinema.data.shard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.data.storage.Folder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardGroupWriterTest {
    @TempDir
    Path folder;

    @Test
    void shouldLeaveNothingOfADroppedSource() throws IOException {
        try (ShardGroupWriter group = group(20_000)) {
            group.write(SmallDataset.clip(1));
            group.dropSource();
            group.write(SmallDataset.clip(2));
            group.keepSource();
            assertEquals(List.of("clip-2.mp4#0"), ids(group.finish()));
        }
    }

    @Test
    void shouldGiveALongSourceShardsOfItsOwnAndDeleteThemWhenItIsDropped() throws IOException {
        try (ShardGroupWriter group = group(5_000)) {
            group.write(SmallDataset.clip(0));
            group.keepSource();
            for (int i = 10; i < 15; i++) {
                group.write(SmallDataset.clip(i));
            }
            assertTrue(files().size() > 2, "parts of the long source are on disk before it ends: " + files());
            group.dropSource();
            group.write(SmallDataset.clip(3));
            group.keepSource();
            List<ShardWriter.WrittenShard> shards = group.finish();
            assertEquals(List.of("clip-0.mp4#0", "clip-3.mp4#0"), ids(shards));
            assertEquals(shards.stream().map(shard -> shard.part().file()).toList(), files());
        }
    }

    @Test
    void shouldDropTheShardThatIsBeingWrittenWhenClosedEarly() throws IOException {
        try (ShardGroupWriter group = group(1_000_000)) {
            group.write(SmallDataset.clip(1));
            group.keepSource();
        }
        assertEquals(List.of(), files());
    }

    @Test
    void shouldDeleteWhatFailedAttemptsLeftBehind() throws IOException {
        Files.createDirectories(folder.resolve("shards"));
        Files.writeString(folder.resolve("shards/shard-00000-00007.arrow.1234.tmp"), "half");
        SmallDataset.write(folder, 1);
        assertEquals(List.of("shards/shard-00000-00000.arrow"), files());
    }

    @Test
    void shouldRejectTwoClipsOfOneId() throws IOException {
        Folder out = Folder.at(folder.toString());
        List<ShardWriter.WrittenShard> shards;
        try (ShardGroupWriter group = group(20_000)) {
            group.write(SmallDataset.clip(1));
            group.write(SmallDataset.clip(1));
            group.keepSource();
            shards = group.finish();
        }
        ConfigException e = assertThrows(
                ConfigException.class,
                () -> new DatasetWriter(out, Map.of()).finish(shards, new Manifest.Counts(1, 2, 4, 1, 0)));
        assertTrue(e.getMessage().contains("clip-1.mp4#0"), e.getMessage());
        assertTrue(Files.notExists(folder.resolve("manifest.json")));
    }

    private ShardGroupWriter group(long shardFrameBytes) throws IOException {
        return new ShardGroupWriter(Folder.at(folder.toString()), 0, shardFrameBytes);
    }

    private static List<String> ids(List<ShardWriter.WrittenShard> shards) {
        return shards.stream()
                .flatMap(shard -> shard.entries().stream())
                .map(ClipEntry::id)
                .toList();
    }

    private List<String> files() throws IOException {
        Path shards = folder.resolve("shards");
        if (Files.notExists(shards)) {
            return List.of();
        }
        try (Stream<Path> found = Files.list(shards)) {
            return found.map(file -> "shards/" + file.getFileName()).sorted().toList();
        }
    }
}
