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

    /** A header, and the bytes 0, 1, 2, … behind it. */
    private Path golden(String header, int dataBytes) throws IOException {
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(8 + text.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(text.length).put(text);
        for (int i = 0; i < dataBytes; i++) {
            bytes.put((byte) i);
        }
        return Files.write(folder.resolve("golden.safetensors"), bytes.array());
    }

    @Test
    void shouldReadByOffsetWhatOthersWrite() throws IOException {
        // 1.0 in fp16 is 0x3C00, the smallest subnormal 0x0001, infinity 0x7C00.
        String header = """
                {"z":{"shape":[3],"dtype":"F16","data_offsets":[20,26]},
                 "ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},
                 "scales":{"dtype":"F8_E4M3","shape":[2,1],"data_offsets":[26,28]},
                 "b":{"data_offsets":[16,20],"dtype":"F32","shape":[]},
                 "new":{"dtype":"Q7","shape":[9],"data_offsets":[30,33]},
                 "mask":{"dtype":"U8","shape":[2],"data_offsets":[28,30]},
                 "none":{"dtype":"F32","shape":[0,7],"data_offsets":[20,20]},
                 "__metadata__":{"format":"pt","more":"\u732b"},
                 "a":{"dtype":"BF16","shape":[2,2],"data_offsets":[8,16]}}""";
        Path file = golden(header, 33);
        byte[] bytes = Files.readAllBytes(file);
        int data = bytes.length - 33;
        ByteBuffer.wrap(bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putFloat(data + 16, 2.5f)
                .putShort(data + 20, (short) 0x3C00)
                .putShort(data + 22, (short) 1)
                .putShort(data + 24, (short) 0x7C00);
        Files.write(file, bytes);
        try (Arena arena = Arena.ofConfined()) {
            Safetensors.Contents contents = Safetensors.read(file, arena);
            assertEquals(Map.of("format", "pt", "more", "猫"), contents.metadata());
            assertEquals(
                    List.of("a", "b", "none", "z"),
                    contents.entries().stream().map(Safetensors.Entry::name).toList());
            assertArrayEquals(new float[] {2.5f}, widened(contents.entries().get(1), arena));
            assertArrayEquals(new int[0], contents.entries().get(1).shape());
            assertArrayEquals(
                    new float[] {1, 0x1p-24f, Float.POSITIVE_INFINITY},
                    widened(contents.entries().get(3), arena));
        }
    }

    private static float[] widened(Safetensors.Entry entry, Arena arena) {
        MemorySegment fp32 = arena.allocate(entry.numElements() * Float.BYTES, Float.BYTES);
        entry.copy(0, entry.numElements(), fp32, 0);
        return fp32.toArray(ValueLayout.JAVA_FLOAT);
    }

    @Test
    void shouldRefuseOverlapsHolesAndWrongSizes() throws IOException {
        String tensor = "{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%s]}";
        String whole = tensor.formatted("F32", "1", "0,4");
        Map<String, String> wrong = Map.of(
                "overlap", tensor.formatted("F32", "1", "2,6"),
                "hole", tensor.formatted("F32", "1", "5,9"),
                "outside", tensor.formatted("F32", "2", "4,12"),
                "size of a type that is not read", tensor.formatted("U8", "3", "4,8"),
                "odd nibbles", tensor.formatted("F4", "3", "4,8"),
                "backwards", tensor.formatted("Q7", "1", "8,4"),
                "text for a number", tensor.formatted("F32", "1", "\"4\",8"),
                "fraction", tensor.formatted("F32", "1.0", "4,8"),
                "shorter than the file", tensor.formatted("U8", "3", "4,7"),
                "same name", tensor.formatted("F32", "1", "4,8") + ",\"a\":" + whole);
        wrong.forEach((what, second) -> {
            String header = "{\"b\":" + second + ",\"a\":" + whole + "}";
            try (Arena arena = Arena.ofConfined()) {
                IOException e = assertThrows(IOException.class, () -> Safetensors.read(golden(header, 8), arena), what);
                assertTrue(e.getMessage().contains("golden.safetensors at byte 8"), e.getMessage());
            }
        });
        try (Arena arena = Arena.ofConfined()) {
            String both = "{\"b\":" + tensor.formatted("F32", "1", "4,8") + ",\"a\":" + whole + "}";
            assertEquals(2, Safetensors.read(golden(both, 8), arena).entries().size());
        }
    }
}
