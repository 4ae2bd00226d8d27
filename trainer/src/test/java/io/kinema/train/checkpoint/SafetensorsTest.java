package io.kinema.train.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.tensor.DType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsTest {
    private static final float[] MATRIX = {1, -2, 3.5f, Float.MIN_VALUE, Float.NaN, 6};
    private static final float[] VECTOR = {0.25f};

    @TempDir
    private Path folder;

    private Path write() throws IOException {
        Path file = folder.resolve("x.safetensors");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment matrix = arena.allocateFrom(ValueLayout.JAVA_FLOAT, MATRIX);
            MemorySegment vector = arena.allocateFrom(ValueLayout.JAVA_FLOAT, VECTOR);
            Safetensors.write(
                    file,
                    List.of(
                            new Safetensors.Entry("a.weight", DType.FP32, new int[] {2, 3}, matrix),
                            new Safetensors.Entry("b", DType.FP32, new int[] {1}, vector)),
                    DType.FP32,
                    Map.of("format", "kinema"));
        }
        return file;
    }

    @Test
    void shouldReadWhatItWrote() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            List<Safetensors.Entry> entries = Safetensors.read(write(), arena).entries();
            assertEquals(
                    List.of("a.weight", "b"),
                    entries.stream().map(Safetensors.Entry::name).toList());
            assertArrayEquals(new int[] {2, 3}, entries.getFirst().shape());
            assertArrayEquals(MATRIX, entries.getFirst().data().toArray(ValueLayout.JAVA_FLOAT));
            assertArrayEquals(VECTOR, entries.getLast().data().toArray(ValueLayout.JAVA_FLOAT));
        }
    }

    @Test
    void shouldLayBytesOutAsTheFormatSays() throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(write())).order(ByteOrder.LITTLE_ENDIAN);
        long headerBytes = bytes.getLong(0);
        assertEquals(0, headerBytes % 8);
        assertEquals('{', bytes.get(8));
        assertEquals(8 + headerBytes + 4L * (MATRIX.length + VECTOR.length), bytes.capacity());
        assertEquals(-2f, bytes.getFloat((int) (8 + headerBytes + 4)));
    }

    @Test
    void shouldRefuseAFileThatIsCutOffAnywhere() throws IOException {
        byte[] whole = Files.readAllBytes(write());
        Path cut = folder.resolve("cut.safetensors");
        for (int length = 0; length < whole.length; length++) {
            Files.write(cut, Arrays.copyOf(whole, length));
            try (Arena arena = Arena.ofConfined()) {
                IOException e = assertThrows(IOException.class, () -> Safetensors.read(cut, arena));
                assertTrue(e.getMessage().contains(cut.toString()), e.getMessage());
            }
        }
        Files.write(cut, Arrays.copyOf(whole, whole.length + 4));
        try (Arena arena = Arena.ofConfined()) {
            assertThrows(IOException.class, () -> Safetensors.read(cut, arena));
        }
    }

    /** Products that wrap around to no elements, and an extent that wraps around to one. */
    @Test
    void shouldRefuseShapesBeyondWhatNumbersHold() throws IOException {
        for (String shape : List.of("[65536,65536,65536,65536]", "[4611686018427387904]", "[-1,-1]")) {
            Path file = folder.resolve("wrapped.safetensors");
            String header = "{\"a\":{\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":[0,0]}}";
            ByteBuffer bytes = ByteBuffer.allocate(8 + header.length()).order(ByteOrder.LITTLE_ENDIAN);
            bytes.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII));
            Files.write(file, bytes.array());
            try (Arena arena = Arena.ofConfined()) {
                IOException e = assertThrows(IOException.class, () -> Safetensors.read(file, arena), shape);
                assertTrue(e.getMessage().contains(file.toString()), e.getMessage());
            }
        }
    }

    @Test
    void shouldRefuseAFlippedLengthOrOffset() throws IOException {
        byte[] whole = Files.readAllBytes(write());
        Path flipped = folder.resolve("flipped.safetensors");
        String header = new String(whole, 8, whole.length - 8);
        int digit = 8 + header.indexOf("data_offsets\":[") + "data_offsets\":[".length();
        for (int at : new int[] {0, 3, 7, 8, digit}) {
            byte[] copy = whole.clone();
            copy[at] ^= 0x10;
            Files.write(flipped, copy);
            try (Arena arena = Arena.ofConfined()) {
                assertThrows(IOException.class, () -> Safetensors.read(flipped, arena), "byte " + at);
            }
        }
    }
}
