package io.kinema.train.checkpoint;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.kinema.train.tensor.Bfloat16;
import io.kinema.train.tensor.DType;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Files of named tensors in the safetensors format (huggingface/safetensors, README, "Format"): eight bytes, the
 * little-endian length n of the header; n bytes of JSON, {@code {"name": {"dtype": "F32" or "BF16", "shape": […],
 * "data_offsets": [begin, end]}, …}}, filled up with spaces to a multiple of 8; then the tensors' bytes, little-endian,
 * row-major, end to end without a hole. The entry {@code __metadata__} maps strings to strings.
 *
 * <p>Tensors are written in fp32 or bf16, in the order of the header. Read are files of others too: entries in any
 * order, fp16 tensors, and tensors of further types, which are passed over.
 */
public final class Safetensors {
    private static final int LENGTH_BYTES = 8;
    private static final int MAX_HEADER_BYTES = 100_000_000;
    private static final Map<DType, String> NAMES = Map.of(DType.FP32, "F32", DType.BF16, "BF16", DType.FP16, "F16");
    private static final int CHUNK_ELEMENTS = 1 << 18;
    static final String METADATA = "__metadata__";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ValueLayout.OfFloat FP32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FP32_NATIVE = ValueLayout.JAVA_FLOAT_UNALIGNED;

    private Safetensors() {}

    /**
     * One tensor.
     *
     * @param name as in the file
     * @param type fp32, bf16 or fp16
     * @param shape extents
     * @param data elements, row-major, little-endian
     */
    public record Entry(String name, DType type, int[] shape, MemorySegment data) {
        /**
         * Returns the number of elements.
         *
         * @return the product of the extents
         */
        public long numElements() {
            return data.byteSize() / type.bytes();
        }

        /** Copies elements to an fp32 vector. */
        void copy(long first, long count, MemorySegment target, long targetFirst) {
            if (type == DType.FP32) {
                MemorySegment.copy(
                        data, FP32, first * Float.BYTES, target, FP32_NATIVE, targetFirst * Float.BYTES, count);
                return;
            }
            for (long i = 0; i < count; i++) {
                short bits = data.get(HALF, (first + i) * Short.BYTES);
                float value = type == DType.BF16 ? Bfloat16.toFloat(bits) : Float.float16ToFloat(bits);
                target.set(FP32_NATIVE, (targetFirst + i) * Float.BYTES, value);
            }
        }
    }

    /**
     * What a file holds.
     *
     * @param metadata strings of its header
     * @param entries the tensors in the order of their bytes
     */
    public record Contents(Map<String, String> metadata, List<Entry> entries) {}

    /** Takes bytes, one buffer after another. */
    interface Sink {
        void accept(ByteBuffer bytes) throws IOException;
    }

    /**
     * What a file says of a tensor, beside its type.
     *
     * @param name as in the file
     * @param shape extents
     */
    record Header(String name, int[] shape) {}

    /** Writes a file whose tensors become known one after another. */
    static final class Writer implements Closeable {
        private final HashedFile file;
        private final DType stored;
        private final Iterator<Header> due;

        /**
         * Begins with the header.
         *
         * @param file empty; closed with this
         * @param stored the tensors' type in the file
         */
        Writer(HashedFile file, List<Header> headers, DType stored, Map<String, String> metadata) throws IOException {
            byte[] json = JSON.writeValueAsBytes(header(headers, stored, metadata));
            int padded = Math.ceilDiv(json.length, LENGTH_BYTES) * LENGTH_BYTES;
            ByteBuffer head = ByteBuffer.allocate(LENGTH_BYTES + padded).order(ByteOrder.LITTLE_ENDIAN);
            head.putLong(padded).put(json);
            while (head.hasRemaining()) {
                head.put((byte) ' ');
            }
            this.file = file;
            this.stored = stored;
            due = headers.iterator();
            try {
                file.write(head.flip());
            } catch (IOException e) {
                try (file) {
                    throw e;
                }
            }
        }

        /** Writes the next tensor. */
        void append(Entry entry) throws IOException {
            Header header = due.next();
            if (!header.name.equals(entry.name) || product(header.shape) != entry.numElements()) {
                throw new IllegalArgumentException(entry.name + " with " + entry.numElements() + " elements, where "
                        + header.name + " with " + product(header.shape) + " was due");
            }
            emit(entry, stored, file::write);
        }

        /** What was written; asked once, at the end. */
        WrittenFile written() {
            return file.written();
        }

        /** Syncs. */
        @Override
        public void close() throws IOException {
            file.close();
        }
    }

    /**
     * Writes and syncs a file; an existing one is replaced.
     *
     * @param file where
     * @param entries in the order of the file, fp32
     * @param stored their type in the file: fp32, or bf16, to which they are rounded
     * @param metadata strings for the header, written in the order of their keys: the same data gives the same bytes
     * @throws IOException when the file cannot be written whole
     */
    public static void write(Path file, List<Entry> entries, DType stored, Map<String, String> metadata)
            throws IOException {
        write(new HashedFile(file, new Disk()), entries, stored, metadata);
    }

    /** Likewise; returns what was written. */
    static WrittenFile write(HashedFile file, List<Entry> entries, DType stored, Map<String, String> metadata)
            throws IOException {
        List<Header> headers = entries.stream()
                .map(entry -> new Header(entry.name(), entry.shape()))
                .toList();
        try (Writer writer = new Writer(file, headers, stored, metadata)) {
            for (Entry entry : entries) {
                writer.append(entry);
            }
        }
        return file.written();
    }

    private static ObjectNode header(List<Header> tensors, DType stored, Map<String, String> metadata) {
        ObjectNode header = JSON.createObjectNode();
        if (!metadata.isEmpty()) {
            ObjectNode strings = header.putObject(METADATA);
            new TreeMap<>(metadata).forEach(strings::put);
        }
        long offset = 0;
        for (Header tensor : tensors) {
            ObjectNode node = header.putObject(tensor.name());
            node.put("dtype", NAMES.get(stored));
            ArrayNode shape = node.putArray("shape");
            for (int extent : tensor.shape()) {
                shape.add(extent);
            }
            long elements = product(tensor.shape());
            node.putArray("data_offsets").add(offset).add(offset + elements * stored.bytes());
            offset += elements * stored.bytes();
        }
        return header;
    }

    /**
     * Hands over a tensor's bytes, a buffer at a time.
     *
     * @param stored the tensor's own type, or bf16 for an fp32 tensor, which is then rounded
     */
    static void emit(Entry entry, DType stored, Sink sink) throws IOException {
        int bytes = entry.type().bytes();
        boolean isRounded = entry.type() != stored;
        for (long from = 0; from < entry.numElements(); from += CHUNK_ELEMENTS) {
            long count = Math.min(CHUNK_ELEMENTS, entry.numElements() - from);
            MemorySegment chunk = entry.data().asSlice(from * bytes, count * bytes);
            sink.accept(isRounded ? rounded(chunk) : chunk.asByteBuffer());
        }
    }

    private static ByteBuffer rounded(MemorySegment fp32) {
        int count = (int) (fp32.byteSize() / Float.BYTES);
        ByteBuffer bf16 = ByteBuffer.allocate(count * Short.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < count; i++) {
            bf16.putShort(Bfloat16.of(fp32.get(FP32, (long) i * Float.BYTES)));
        }
        return bf16.flip();
    }

    /**
     * Maps a file into memory and checks that header and size agree.
     *
     * @param file a safetensors file
     * @param arena which the data live as long as
     * @return metadata, and the tensors of fp32, bf16 and fp16
     * @throws IOException when the file is missing, cut off or not of this format; the message has path and offset
     */
    public static Contents read(Path file, Arena arena) throws IOException {
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
            MemorySegment data = all.asSlice(LENGTH_BYTES + headerBytes);
            try {
                SafetensorsHeader header = SafetensorsHeader.parse(json, data.byteSize());
                return new Contents(header.metadata(), entries(file, header, data));
            } catch (SafetensorsHeader.FormatException e) {
                throw bad(file, LENGTH_BYTES, e.getMessage());
            }
        }
    }

    /** The tensors whose type is read, in the order of their bytes. */
    private static List<Entry> entries(Path file, SafetensorsHeader header, MemorySegment data) throws IOException {
        List<Entry> entries = new ArrayList<>();
        for (SafetensorsHeader.Place place : header.places()) {
            for (Map.Entry<DType, String> type : NAMES.entrySet()) {
                if (type.getValue().equals(place.type())) {
                    entries.add(new Entry(
                            place.name(),
                            type.getKey(),
                            extents(file, place),
                            data.asSlice(place.begin(), place.end() - place.begin())));
                }
            }
        }
        return entries;
    }

    private static int[] extents(Path file, SafetensorsHeader.Place place) throws IOException {
        int[] shape = new int[place.shape().size()];
        for (int i = 0; i < shape.length; i++) {
            long extent = place.shape().get(i);
            if (extent > Integer.MAX_VALUE) {
                throw bad(file, LENGTH_BYTES, place.name() + " has an extent of " + extent + ", beyond 2^31 - 1");
            }
            shape[i] = (int) extent;
        }
        return shape;
    }

    private static long product(int[] shape) {
        long product = 1;
        for (int extent : shape) {
            product = Math.multiplyExact(product, extent);
        }
        return product;
    }

    private static IOException bad(Path file, long offset, String what) {
        return new IOException(file + " at byte " + offset + " is not a safetensors file: " + what);
    }
}
