package io.kinema.train.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Files of named fp32 tensors in the safetensors format (huggingface/safetensors, README, "Format"): eight bytes, the little-endian length n of
 * the header; n bytes of JSON, {@code {"name": {"dtype": "F32", "shape": […], "data_offsets": [begin, end]}, …}}, filled up with
 * spaces to a multiple of 8; then the tensors' bytes, little-endian, row-major, end to end without a hole. The entry
 * {@code __metadata__} maps strings to strings.
 */
public final class Safetensors {
    private static final int LENGTH_BYTES = 8;
    private static final int MAX_HEADER_BYTES = 100_000_000;
    private static final String DTYPE = "F32";
    private static final String METADATA = "__metadata__";
    private static final ObjectMapper JSON = new ObjectMapper();

    private Safetensors() {}

    /**
     * One tensor.
     *
     * @param name as in the file
     * @param shape extents
     * @param data fp32 elements, row-major, little-endian
     */
    public record Entry(String name, int[] shape, MemorySegment data) {}

    /**
     * Writes and syncs a file; an existing one is replaced.
     *
     * @param file where
     * @param entries in the order of the file
     * @param metadata strings for the header, written in the order of their keys: the same data gives the same bytes
     * @throws IOException when the file cannot be written whole
     */
    public static void write(Path file, List<Entry> entries, Map<String, String> metadata) throws IOException {
        ObjectNode header = JSON.createObjectNode();
        if (!metadata.isEmpty()) {
            ObjectNode strings = header.putObject(METADATA);
            new TreeMap<>(metadata).forEach(strings::put);
        }
        long offset = 0;
        for (Entry entry : entries) {
            ObjectNode node = header.putObject(entry.name());
            node.put("dtype", DTYPE);
            ArrayNode shape = node.putArray("shape");
            long bytes = Float.BYTES;
            for (int extent : entry.shape()) {
                shape.add(extent);
                bytes *= extent;
            }
            if (bytes != entry.data().byteSize()) {
                throw new IllegalArgumentException(
                        entry.name() + " has " + entry.data().byteSize() + " bytes, its shape " + bytes);
            }
            node.putArray("data_offsets").add(offset).add(offset + bytes);
            offset += bytes;
        }
        byte[] json = JSON.writeValueAsBytes(header);
        int padded = Math.ceilDiv(json.length, LENGTH_BYTES) * LENGTH_BYTES;
        ByteBuffer head = ByteBuffer.allocate(LENGTH_BYTES + padded).order(ByteOrder.LITTLE_ENDIAN);
        head.putLong(padded).put(json);
        while (head.hasRemaining()) {
            head.put((byte) ' ');
        }
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            writeFully(channel, head.flip());
            for (Entry entry : entries) {
                writeFully(channel, entry.data());
            }
            channel.force(true);
        }
    }

    private static void writeFully(FileChannel channel, MemorySegment data) throws IOException {
        long chunk = 1L << 30;
        for (long from = 0; from < data.byteSize(); from += chunk) {
            writeFully(
                    channel,
                    data.asSlice(from, Math.min(chunk, data.byteSize() - from)).asByteBuffer());
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    /**
     * Maps a file into memory and checks that header and size agree.
     *
     * @param file a safetensors file of fp32 tensors
     * @param arena which the data live as long as
     * @return the tensors in the order of the file
     * @throws IOException when the file is missing, cut off or not of this format; the message has path and offset
     */
    public static List<Entry> read(Path file, Arena arena) throws IOException {
        long size = Files.size(file);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            if (size < LENGTH_BYTES) {
                throw bad(file, 0, "it has " + size + " bytes, fewer than the length of a header");
            }
            MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
            long headerBytes = all.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
            if (headerBytes < 2 || headerBytes > MAX_HEADER_BYTES || LENGTH_BYTES + headerBytes > size) {
                throw bad(file, 0, "its header should have " + headerBytes + " bytes, the file has " + size);
            }
            byte[] json = all.asSlice(LENGTH_BYTES, headerBytes).toArray(ValueLayout.JAVA_BYTE);
            return entries(file, parse(file, json), all.asSlice(LENGTH_BYTES + headerBytes));
        }
    }

    private static JsonNode parse(Path file, byte[] json) throws IOException {
        try {
            JsonNode header = JSON.readTree(new String(json, StandardCharsets.UTF_8));
            if (!header.isObject()) {
                throw bad(file, LENGTH_BYTES, "its header is not a JSON object");
            }
            return header;
        } catch (JsonProcessingException e) {
            throw bad(file, LENGTH_BYTES, "its header is not JSON: " + e.getOriginalMessage());
        }
    }

    private static List<Entry> entries(Path file, JsonNode header, MemorySegment data) throws IOException {
        List<Entry> entries = new ArrayList<>();
        Set<String> names = new HashSet<>();
        long expected = 0;
        for (Map.Entry<String, JsonNode> field : header.properties()) {
            if (field.getKey().equals(METADATA)) {
                continue;
            }
            JsonNode node = field.getValue();
            if (!node.path("dtype").asText().equals(DTYPE) || !names.add(field.getKey())) {
                throw bad(file, LENGTH_BYTES, field.getKey() + " is not one " + DTYPE + " tensor: " + node);
            }
            long begin = node.path("data_offsets").path(0).asLong(-1);
            long end = node.path("data_offsets").path(1).asLong(-1);
            int[] shape = shape(node.path("shape"));
            long bytes = Float.BYTES;
            for (int extent : shape) {
                bytes *= extent;
            }
            if (begin != expected || end != begin + bytes || end > data.byteSize()) {
                throw bad(
                        file,
                        LENGTH_BYTES,
                        field.getKey() + " should be " + bytes + " bytes from " + expected + ", its offsets are "
                                + begin + " and " + end + " of " + data.byteSize());
            }
            entries.add(new Entry(field.getKey(), shape, data.asSlice(begin, bytes)));
            expected = end;
        }
        if (expected != data.byteSize()) {
            throw bad(file, LENGTH_BYTES, "its tensors have " + expected + " bytes, the file " + data.byteSize());
        }
        return entries;
    }

    private static int[] shape(JsonNode array) {
        int[] shape = new int[array.size()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = array.get(i).asInt(-1);
        }
        return shape;
    }

    private static IOException bad(Path file, long offset, String what) {
        return new IOException(file + " at byte " + offset + " is not a safetensors file: " + what);
    }
}
