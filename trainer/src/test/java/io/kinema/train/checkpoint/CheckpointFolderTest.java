package io.kinema.train.checkpoint;

import static io.kinema.train.checkpoint.TinyCheckpoints.AVERAGE;
import static io.kinema.train.checkpoint.TinyCheckpoints.FIRST_MOMENT;
import static io.kinema.train.checkpoint.TinyCheckpoints.SECOND_MOMENT;
import static io.kinema.train.checkpoint.TinyCheckpoints.WEIGHTS;
import static io.kinema.train.checkpoint.TinyCheckpoints.state;
import static io.kinema.train.checkpoint.TinyCheckpoints.vector;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.reduction.ShardLayout;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointFolderTest {
    @TempDir
    private Path root;

    private final ParameterLayout layout = TinyCheckpoints.LAYOUT;
    private CheckpointFolder folder;

    @BeforeEach
    void open() {
        folder = new CheckpointFolder(root.resolve("checkpoints"));
    }

    private Path write(long step, int worldSize) throws IOException {
        return TinyCheckpoints.write(folder, step, worldSize);
    }

    @Test
    void shouldReadWeightsAndStateBack() throws IOException {
        Checkpoint checkpoint = Checkpoint.open(write(12, 1));
        assertEquals(state(12), checkpoint.state());
        assertEquals(TinyCheckpoints.MODEL, checkpoint.state().config().model().toConfig());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment flat = arena.allocate(layout.flatSize() * Float.BYTES, 8);
            checkpoint.readWeights(WeightsKind.MODEL, layout, 0, flat);
            assertEquals(-1, flat.mismatch(vector(arena, WEIGHTS)));
            checkpoint.readWeights(WeightsKind.EMA, layout, 0, flat);
            assertEquals(-1, flat.mismatch(vector(arena, AVERAGE)));
        }
    }

    /** So what an older version wrote reads the same. */
    @Test
    void shouldNotMentionALossScaleWhereThereIsNone() throws IOException {
        String text = Files.readString(write(12, 1).resolve("state.json"));
        assertFalse(text.contains("lossScale") || text.contains("goodSteps") || text.contains("skipped"), text);
    }

    @Test
    void shouldReadOptimizerStateOnAnyNumberOfRanks() throws IOException {
        for (int wrote : new int[] {1, 3}) {
            Checkpoint checkpoint = Checkpoint.open(write(10 + wrote, wrote));
            for (int reads : new int[] {1, 2, 5, 9}) {
                ShardLayout shards = new ShardLayout(layout.flatSize(), Device.SHARD_ALIGNMENT, reads);
                for (int rank = 0; rank < reads; rank++) {
                    readShard(checkpoint, shards.offset(rank), shards.length(rank));
                }
            }
        }
    }

    private void readShard(Checkpoint checkpoint, long from, long length) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment first = arena.allocate(length * Float.BYTES, 8);
            MemorySegment second = arena.allocate(length * Float.BYTES, 8);
            checkpoint.readOptimizer(layout, from, first, second);
            assertEquals(
                    -1, first.mismatch(vector(arena, FIRST_MOMENT).asSlice(from * Float.BYTES, length * Float.BYTES)));
            assertEquals(
                    -1,
                    second.mismatch(vector(arena, SECOND_MOMENT).asSlice(from * Float.BYTES, length * Float.BYTES)));
        }
    }

    @Test
    void shouldNameAndSkipEveryKindOfDamage() throws IOException {
        Path good = write(1, 2);
        Path newest = write(2, 2);
        try (Stream<Path> files = Files.list(newest)) {
            for (Path file : files.toList()) {
                byte[] whole = Files.readAllBytes(file);
                byte[] flipped = whole.clone();
                flipped[whole.length / 2] ^= 1;
                byte[] cut = Arrays.copyOf(whole, whole.length - 1);
                for (byte[] damage : new byte[][] {flipped, cut}) {
                    Files.write(file, damage);
                    expectSkipped(newest, good);
                }
                Files.delete(file);
                expectSkipped(newest, good);
                Files.write(file, whole);
            }
        }
        assertEquals(newest, folder.newestValid(line -> {}).orElseThrow().folder());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void shouldSkipOneThatNamesNotTheFilesOfAllItsRanks(int rank) throws IOException {
        Path good = write(1, 2);
        Path newest = write(2, 2);
        WholeCheckpoint.removeWithItsDigest(newest, CheckpointWriter.optimizerFile(rank, 2));
        List<String> warnings = new ArrayList<>();
        assertEquals(good, folder.newestValid(warnings::add).orElseThrow().folder());
        assertEquals(
                List.of("skipping a checkpoint that cannot be used: " + newest + "/optimizer-0000" + rank
                        + "-of-00002.safetensors is missing, and is not in manifest.json, which has those of 2 ranks"),
                warnings);
    }

    @Test
    void shouldSkipOneWithoutAnyFileOfTheOptimizer() throws IOException {
        Path good = write(1, 1);
        WholeCheckpoint.removeWithItsDigest(write(2, 1), CheckpointWriter.optimizerFile(0, 1));
        assertEquals(good, folder.newestValid(_ -> {}).orElseThrow().folder());
    }

    private void expectSkipped(Path damaged, Path expected) throws IOException {
        List<String> warnings = new ArrayList<>();
        assertEquals(expected, folder.newestValid(warnings::add).orElseThrow().folder());
        assertEquals(1, warnings.size(), warnings::toString);
        assertTrue(warnings.getFirst().contains(damaged.getFileName().toString()), warnings::toString);
    }

    /** Nothing vouches for the manifest itself; that it fits the files does. */
    @Test
    void shouldNoticeAnyFlippedByteOfAManifest() throws IOException {
        Path good = write(1, 1);
        Path manifest = write(2, 1).resolve("manifest.json");
        byte[] whole = Files.readAllBytes(manifest);
        for (int at = 0; at < whole.length; at++) {
            if (Character.isWhitespace(whole[at])) {
                continue;
            }
            byte[] flipped = whole.clone();
            flipped[at] ^= 2;
            Files.write(manifest, flipped);
            List<String> warnings = new ArrayList<>();
            assertEquals(good, folder.newestValid(warnings::add).orElseThrow().folder(), "byte " + at);
            assertEquals(1, warnings.size(), warnings::toString);
        }
        for (String nothing : List.of("null", "{}", "[]", "")) {
            Files.writeString(manifest, nothing);
            assertEquals(good, folder.newestValid(_ -> {}).orElseThrow().folder(), nothing);
        }
    }

    @Test
    void shouldPassOverAnEmptyFolderAndWhatIsNoFolder() throws IOException {
        Path good = write(1, 1);
        Files.createDirectory(root.resolve("checkpoints/step-00000003"));
        Files.createFile(root.resolve("checkpoints/step-00000004"));
        Files.createDirectory(root.resolve("checkpoints/step-123456789012345678901234567890"));
        List<String> warnings = new ArrayList<>();
        assertEquals(good, folder.newestValid(warnings::add).orElseThrow().folder());
        assertEquals(2, warnings.size(), warnings::toString);
        assertTrue(warnings.getFirst().contains("step-00000004 has no manifest.json"), warnings::toString);
        assertTrue(warnings.getLast().contains("step-00000003 has no manifest.json"), warnings::toString);
    }

    @Test
    void shouldSayThatLatestNamesNothing() throws IOException {
        Path good = write(1, 1);
        byte[] garbage = {(byte) 0xff, 0, '/', '\n'};
        for (byte[] content : new byte[][] {"step-00000009\n".getBytes(StandardCharsets.UTF_8), garbage}) {
            Files.write(root.resolve("checkpoints/LATEST"), content);
            List<String> warnings = new ArrayList<>();
            assertEquals(good, folder.newestValid(warnings::add).orElseThrow().folder());
            assertEquals(1, warnings.size(), warnings::toString);
            assertTrue(warnings.getFirst().contains("which is not there"), warnings::toString);
        }
        Files.delete(root.resolve("checkpoints/LATEST"));
        assertEquals(good, folder.newestValid(_ -> fail()).orElseThrow().folder());
    }

    @Test
    void shouldPassOverWhatAnInterruptedWriteLeft() throws IOException {
        Path good = write(1, 1);
        folder.writer(2).begin();
        Files.write(root.resolve("checkpoints/.step-00000002.tmp/model.safetensors"), new byte[10]);
        Files.move(write(3, 1), root.resolve("checkpoints/.step-00000003.old"));
        Files.writeString(root.resolve("checkpoints/LATEST"), "step-00000001\n");
        assertEquals(good, folder.newestValid(_ -> fail()).orElseThrow().folder());
        write(4, 1);
        new Retention(5, 0).prune(folder, 0, _ -> fail());
        assertEquals(List.of(), folder.unfinished());
        assertEquals(List.of(), folder.discarded());
    }

    @Test
    void shouldNotTakeAnUnfinishedCheckpointForOne() throws IOException {
        folder.writer(5).begin();
        assertTrue(folder.newestValid(line -> {}).isEmpty());
        write(5, 1);
        assertEquals("step-00000005\n", Files.readString(root.resolve("checkpoints/LATEST")));
        try (Stream<Path> names = Files.list(root.resolve("checkpoints"))) {
            assertArrayEquals(
                    new String[] {"LATEST", "step-00000005"},
                    names.map(path -> path.getFileName().toString()).sorted().toArray());
        }
    }

    @Test
    void shouldSayWhatAFolderThatIsNoCheckpointLacks() {
        ConfigException e = assertThrows(ConfigException.class, () -> Checkpoint.open(root));
        assertTrue(e.getMessage().contains("manifest.json"), e.getMessage());
        assertFalse(e.getMessage().contains("\n"), e.getMessage());
    }

    @Test
    void shouldRefuseWeightsOfAnotherShape() throws IOException {
        Checkpoint checkpoint = Checkpoint.open(write(3, 1));
        ParameterLayout other =
                new SpacetimeDit(new DitConfig(1, 32, 2, 1, 8, 2, TinyCheckpoints.MODEL.tokens())).layout();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment flat = arena.allocate(other.flatSize() * Float.BYTES, 8);
            IOException e =
                    assertThrows(IOException.class, () -> checkpoint.readWeights(WeightsKind.MODEL, other, 0, flat));
            assertTrue(e.getMessage().contains("patch.weight"), e.getMessage());
        }
    }
}
