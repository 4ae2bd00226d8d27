package io.kinema.train.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.ConfigException;
import io.kinema.data.clip.Patch;
import io.kinema.train.checkpoint.CheckpointState.Config;
import io.kinema.train.checkpoint.CheckpointState.Cursor;
import io.kinema.train.checkpoint.CheckpointState.Model;
import io.kinema.train.dist.ShardLayout;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.tensor.Device;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointFolderTest {
    private static final DitConfig TINY = new DitConfig(1, 16, 2, 1, 8, 2, new Patch(1, 2, 2));

    @TempDir
    private Path root;

    private final ParameterLayout layout = new SpacetimeDit(TINY).layout();
    private CheckpointFolder folder;

    @BeforeEach
    void open() {
        folder = new CheckpointFolder(root.resolve("checkpoints"));
    }

    /** A vector in which every element tells its place; the filling at the end stays zero. */
    private MemorySegment vector(Arena arena, double factor) {
        MemorySegment flat = arena.allocate(layout.flatSize() * Float.BYTES, 8);
        for (long i = 0; i < layout.numElements(); i++) {
            flat.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (factor * (i + 1)));
        }
        return flat;
    }

    private static CheckpointState state(long step) {
        return new CheckpointState(
                CheckpointState.FORMAT_VERSION,
                step,
                7,
                new Cursor(1, 4 * step, 4, 512),
                new Config(Model.of(TINY), "flow", 3, "fp32"),
                "abc",
                List.of("--steps 10"),
                0,
                0,
                0);
    }

    private Path write(long step, int worldSize) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            folder.begin(step);
            ShardLayout shards = new ShardLayout(layout.flatSize(), Device.SHARD_ALIGNMENT, worldSize);
            for (int rank = 0; rank < worldSize; rank++) {
                long offset = shards.offset(rank) * Float.BYTES;
                long bytes = shards.length(rank) * Float.BYTES;
                folder.writeOptimizer(
                        step,
                        CheckpointFolder.optimizerFile(rank, worldSize),
                        layout,
                        shards.offset(rank),
                        List.of(
                                vector(arena, 2).asSlice(offset, bytes),
                                vector(arena, 3).asSlice(offset, bytes)));
            }
            return folder.commit(state(step), layout, vector(arena, 0.5), vector(arena, 0.25));
        }
    }

    @Test
    void shouldReadWeightsAndStateBack() throws IOException {
        Checkpoint checkpoint = Checkpoint.open(write(12, 1));
        assertEquals(state(12), checkpoint.state());
        assertEquals(TINY, checkpoint.state().config().model().toConfig());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment flat = arena.allocate(layout.flatSize() * Float.BYTES, 8);
            checkpoint.readModel(layout, flat);
            assertEquals(-1, flat.mismatch(vector(arena, 0.5)));
            checkpoint.readEma(layout, flat);
            assertEquals(-1, flat.mismatch(vector(arena, 0.25)));
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
            assertEquals(-1, first.mismatch(vector(arena, 2).asSlice(from * Float.BYTES, length * Float.BYTES)));
            assertEquals(-1, second.mismatch(vector(arena, 3).asSlice(from * Float.BYTES, length * Float.BYTES)));
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

    private void expectSkipped(Path damaged, Path expected) throws IOException {
        List<String> warnings = new ArrayList<>();
        assertEquals(expected, folder.newestValid(warnings::add).orElseThrow().folder());
        assertEquals(1, warnings.size(), warnings::toString);
        assertTrue(warnings.getFirst().contains(damaged.getFileName().toString()), warnings::toString);
    }

    @Test
    void shouldNotTakeAnUnfinishedCheckpointForOne() throws IOException {
        folder.begin(5);
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
        ParameterLayout other = new SpacetimeDit(new DitConfig(1, 32, 2, 1, 8, 2, TINY.patch())).layout();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment flat = arena.allocate(other.flatSize() * Float.BYTES, 8);
            IOException e = assertThrows(IOException.class, () -> checkpoint.readModel(other, flat));
            assertTrue(e.getMessage().contains("patch.weight"), e.getMessage());
        }
    }
}
