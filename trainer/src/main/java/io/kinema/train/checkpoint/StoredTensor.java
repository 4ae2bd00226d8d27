package io.kinema.train.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.SequencedMap;
import java.util.TreeMap;

/**
 * A tensor as a checkpoint has it: fp32, mapped, in one piece or several.
 *
 * @param shape extents; of a moment, which is stored flat, the number of elements
 * @param pieces by the first element of each in the flattened tensor
 */
record StoredTensor(List<Long> shape, NavigableMap<Long, Safetensors.Entry> pieces) {
    private static final int CHUNK_ELEMENTS = 1 << 16;
    private static final ValueLayout.OfFloat FP32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /**
     * How two tensors of the same number of elements differ.
     *
     * @param numUnequal elements that differ in any bit
     * @param maxAbsolute the largest difference; infinite where one is not a finite number
     * @param maxRelative the largest difference divided by the larger magnitude
     */
    record Difference(long numUnequal, double maxAbsolute, double maxRelative) {
        static final Difference NONE = new Difference(0, 0, 0);

        private Difference and(float a, float b) {
            double absolute = Math.abs((double) a - b);
            if (!Double.isFinite(absolute)) {
                return new Difference(numUnequal + 1, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);
            }
            // Of +0 and -0, which differ in a bit, by nothing.
            double relative = absolute == 0 ? 0 : absolute / Math.max(Math.abs(a), Math.abs(b));
            return new Difference(numUnequal + 1, Math.max(maxAbsolute, absolute), Math.max(maxRelative, relative));
        }
    }

    /** The tensors of a file of weights, by name, in its order. */
    static SequencedMap<String, StoredTensor> weights(Path file, Arena arena) throws IOException {
        SequencedMap<String, StoredTensor> tensors = new LinkedHashMap<>();
        for (Safetensors.Entry entry : Safetensors.read(file, arena).entries()) {
            List<Long> shape =
                    Arrays.stream(entry.shape()).mapToObj(Long::valueOf).toList();
            tensors.put(entry.name(), new StoredTensor(shape, new TreeMap<>(Map.of(0L, entry))));
        }
        return tensors;
    }

    /** The moments in the files of all ranks, by name, {@code first_moment/…} and {@code second_moment/…}. */
    static SequencedMap<String, StoredTensor> moments(List<Path> files, Arena arena) throws IOException {
        SequencedMap<String, NavigableMap<Long, Safetensors.Entry>> pieces = new LinkedHashMap<>();
        for (Path file : files) {
            for (Safetensors.Entry piece : Safetensors.read(file, arena).entries()) {
                int at = piece.name().lastIndexOf('@');
                if (at < 0 || !piece.name().substring(at + 1).matches("\\d{1,18}")) {
                    throw new IOException(file + " holds " + piece.name() + ", which is no piece of a moment");
                }
                pieces.computeIfAbsent(piece.name().substring(0, at), _ -> new TreeMap<>())
                        .put(Long.parseLong(piece.name().substring(at + 1)), piece);
            }
        }
        SequencedMap<String, StoredTensor> tensors = new LinkedHashMap<>();
        pieces.forEach((name, ofTensor) -> tensors.put(
                name,
                new StoredTensor(
                        List.of(ofTensor.lastKey()
                                + ofTensor.lastEntry().getValue().numElements()),
                        ofTensor)));
        return tensors;
    }

    long numElements() {
        return shape.stream().reduce(1L, Math::multiplyExact);
    }

    /**
     * Compares element by element; reads a little at a time.
     *
     * @param other of the same shape, perhaps in other pieces
     * @throws IOException when an element is in no piece
     */
    Difference compare(StoredTensor other) throws IOException {
        Difference difference = Difference.NONE;
        long end = numElements();
        long at = 0;
        while (at < end) {
            MemorySegment a = from(at);
            MemorySegment b = other.from(at);
            long count = Math.min(CHUNK_ELEMENTS, Math.min(a.byteSize(), b.byteSize()) / Float.BYTES);
            long bytes = count * Float.BYTES;
            if (MemorySegment.mismatch(a, 0, bytes, b, 0, bytes) >= 0) {
                difference = compare(a, b, count, difference);
            }
            at += count;
        }
        return difference;
    }

    private static Difference compare(MemorySegment a, MemorySegment b, long count, Difference before) {
        Difference difference = before;
        for (long i = 0; i < count; i++) {
            float left = a.get(FP32, i * Float.BYTES);
            float right = b.get(FP32, i * Float.BYTES);
            if (Float.floatToRawIntBits(left) != Float.floatToRawIntBits(right)) {
                difference = difference.and(left, right);
            }
        }
        return difference;
    }

    /** The elements of one piece from an element on. */
    private MemorySegment from(long element) throws IOException {
        Map.Entry<Long, Safetensors.Entry> piece = pieces.floorEntry(element);
        if (piece == null || element >= piece.getKey() + piece.getValue().numElements()) {
            throw new IOException("no file of the checkpoint holds element " + element + " of "
                    + pieces.firstEntry().getValue().name().replaceFirst("@\\d+$", ""));
        }
        return piece.getValue().data().asSlice((element - piece.getKey()) * Float.BYTES);
    }
}
