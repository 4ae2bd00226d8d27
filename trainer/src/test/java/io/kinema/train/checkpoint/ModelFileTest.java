package io.kinema.train.checkpoint;

import static io.kinema.train.checkpoint.TinyCheckpoints.LAYOUT;
import static io.kinema.train.checkpoint.TinyCheckpoints.vector;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.tensor.Bfloat16;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFileTest {
    /** The metadata are at the beginning of the header; what follows is much alike. */
    private static final int EVERY_BYTE = 800;

    private static final int SOME_BYTES = 101;

    @TempDir
    private Path root;

    private Checkpoint checkpoint;
    private Path file;

    @BeforeEach
    void writeCheckpoint() throws IOException {
        checkpoint = Checkpoint.open(TinyCheckpoints.write(new CheckpointFolder(root.resolve("checkpoints")), 12, 2));
        file = root.resolve("model.safetensors");
    }

    private static MemorySegment read(TrainedWeights weights, Arena arena) throws IOException {
        MemorySegment flat = arena.allocate(LAYOUT.flatSize() * Float.BYTES, 8);
        try (Device device = Nd4jDevice.open(DType.FP32)) {
            ParameterSet loaded = weights.load(LAYOUT, device);
            for (Group group : LAYOUT.groups()) {
                device.read(
                        loaded.flat(group), 0, flat.asSlice(group.offset() * Float.BYTES, group.size() * Float.BYTES));
            }
        }
        return flat;
    }

    @Test
    void shouldReadWhatItWrote() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            ModelFile.write(checkpoint, WeightsKind.EMA, DType.FP32, file);
            TrainedWeights average = TrainedWeights.open(file, "");
            assertEquals(checkpoint.state().config(), average.config());
            assertEquals(-1, read(average, arena).mismatch(vector(arena, TinyCheckpoints.AVERAGE)));
            ModelFile.write(checkpoint, WeightsKind.MODEL, DType.FP32, file);
            MemorySegment weights = vector(arena, TinyCheckpoints.WEIGHTS);
            assertEquals(-1, read(TrainedWeights.open(file, "model"), arena).mismatch(weights));
            assertEquals(
                    -1,
                    read(TrainedWeights.open(checkpoint.folder(), "model"), arena)
                            .mismatch(weights));
        }
    }

    @Test
    void shouldRoundToBf16() throws IOException {
        ModelFile.write(checkpoint, WeightsKind.MODEL, DType.BF16, file);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment exact = vector(arena, TinyCheckpoints.WEIGHTS);
            MemorySegment rounded = read(TrainedWeights.open(file, ""), arena);
            int changed = 0;
            for (long i = 0; i < LAYOUT.numElements(); i++) {
                float value = exact.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                float expected = Bfloat16.toFloat(Bfloat16.of(value));
                assertEquals(expected, rounded.getAtIndex(ValueLayout.JAVA_FLOAT, i));
                changed += expected == value ? 0 : 1;
            }
            assertTrue(changed > LAYOUT.numElements() / 2);
        }
        long headerBytes = ByteBuffer.wrap(Files.readAllBytes(file))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong();
        assertEquals(8 + headerBytes + 2 * LAYOUT.numElements(), Files.size(file));
    }

    @Test
    void shouldNoticeAnyFlippedByte() throws IOException {
        ModelFile.write(checkpoint, WeightsKind.EMA, DType.BF16, file);
        byte[] whole = Files.readAllBytes(file);
        int headerBytes =
                (int) ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getLong();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment expected = read(TrainedWeights.open(file, ""), arena);
            Path flipped = root.resolve("flipped.safetensors");
            for (int at = 0; at < whole.length; at += at < EVERY_BYTE ? 1 : SOME_BYTES) {
                if (at >= 8 && at < 8 + headerBytes && whole[at] == ' ') {
                    continue;
                }
                byte[] copy = whole.clone();
                copy[at] ^= 1;
                Files.write(flipped, copy);
                Exception e = assertThrows(
                        Exception.class, () -> read(TrainedWeights.open(flipped, ""), arena), "byte " + at);
                assertTrue(e instanceof IOException || e instanceof ConfigException, () -> "not one of ours: " + e);
                assertTrue(e.getMessage().contains(flipped.toString()), e.getMessage());
            }
            Files.write(flipped, Arrays.copyOf(whole, whole.length - 2));
            assertThrows(IOException.class, () -> TrainedWeights.open(flipped, ""));
            Files.write(flipped, whole);
            assertEquals(-1, read(TrainedWeights.open(flipped, ""), arena).mismatch(expected));
        }
    }

    @Test
    void shouldRefuseWhatItDoesNotHold() throws IOException {
        ModelFile.write(checkpoint, WeightsKind.EMA, DType.FP32, file);
        expectMistake("holds ema", file, "model");
        expectMistake("use ema or model", file, "average");
        expectMistake("does not say which model", checkpoint.folder().resolve("ema.safetensors"), "");
        expectMistake("does not end in", checkpoint.folder().resolve("state.json"), "");
        expectMistake("does not exist", root.resolve("nowhere.safetensors"), "");
    }

    private static void expectMistake(String expected, Path path, String weights) {
        ConfigException e = assertThrows(ConfigException.class, () -> TrainedWeights.open(path, weights));
        assertTrue(e.getMessage().contains(expected), e.getMessage());
    }

    /** A file that is not of the average may be damaged, a file of it not. */
    @Test
    void shouldReadOnlyWhatSamplingNeeds() throws IOException {
        Files.write(checkpoint.folder().resolve("model.safetensors"), new byte[3]);
        TrainedWeights.open(checkpoint.folder(), "");
        byte[] average = Files.readAllBytes(checkpoint.folder().resolve("ema.safetensors"));
        average[average.length - 1] ^= 1;
        Files.write(checkpoint.folder().resolve("ema.safetensors"), average);
        assertThrows(IOException.class, () -> TrainedWeights.open(checkpoint.folder(), ""));
        assertThrows(IOException.class, () -> ModelFile.write(checkpoint, WeightsKind.EMA, DType.FP32, file));
        assertTrue(Files.notExists(file));
    }

    @Test
    void shouldLeaveNothingOnAFullDisk() throws IOException {
        Path full = Path.of("/dev/full");
        assumeTrue(Files.exists(full), "only Linux has a device that is always full");
        Path temporary = root.resolve(".model.safetensors.tmp");
        Files.createSymbolicLink(temporary, full);
        Files.writeString(file, "before");
        IOException e =
                assertThrows(IOException.class, () -> ModelFile.write(checkpoint, WeightsKind.EMA, DType.FP32, file));
        assertTrue(e.getMessage().contains("No space left"), e.getMessage());
        assertTrue(Files.notExists(temporary, LinkOption.NOFOLLOW_LINKS));
        assertEquals("before", Files.readString(file));
    }

    /** As Python's safetensors does: sorted by name, with a tensor and metadata of the writer's own. */
    @Test
    void shouldReadAFileThatAnotherProgramSavedAgain() throws IOException {
        ModelFile.write(checkpoint, WeightsKind.EMA, DType.FP32, file);
        try (Arena arena = Arena.ofConfined()) {
            Safetensors.Contents contents = Safetensors.read(file, arena);
            List<Safetensors.Entry> entries = new ArrayList<>(contents.entries());
            entries.add(new Safetensors.Entry("epochs", DType.FP32, new int[] {2}, arena.allocate(8)));
            entries.sort(Comparator.comparing(Safetensors.Entry::name));
            Map<String, String> metadata = new HashMap<>(contents.metadata());
            metadata.put("author", "me");
            Path again = root.resolve("again.safetensors");
            Safetensors.write(again, entries, DType.FP32, metadata);
            MemorySegment average = vector(arena, TinyCheckpoints.AVERAGE);
            assertEquals(-1, read(TrainedWeights.open(again, ""), arena).mismatch(average));

            Safetensors.write(again, entries, DType.BF16, metadata);
            IOException e = assertThrows(IOException.class, () -> TrainedWeights.open(again, ""));
            assertTrue(e.getMessage().contains("write \"none\" there"), e.getMessage());
            metadata.put("sha256", "none");
            Safetensors.write(again, entries, DType.BF16, metadata);
            TrainedWeights.open(again, "");
        }
    }
}
