package io.kinema.train.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the header of a safetensors file says: its entries stand in any order, their bytes cover the data end to end.
 *
 * @param metadata strings
 * @param places of the tensors, in the order of their bytes
 */
record SafetensorsHeader(Map<String, String> metadata, List<Place> places) {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /** Bits an element of the format's types (huggingface/safetensors, tensor.rs, {@code Dtype}). */
    private static final Map<String, Integer> BITS = Map.ofEntries(
            Map.entry("F4", 4),
            Map.entry("F6_E2M3", 6),
            Map.entry("F6_E3M2", 6),
            Map.entry("BOOL", 8),
            Map.entry("U8", 8),
            Map.entry("I8", 8),
            Map.entry("F8_E5M2", 8),
            Map.entry("F8_E4M3", 8),
            Map.entry("F8_E8M0", 8),
            Map.entry("F8_E4M3FNUZ", 8),
            Map.entry("F8_E5M2FNUZ", 8),
            Map.entry("I16", 16),
            Map.entry("U16", 16),
            Map.entry("F16", 16),
            Map.entry("BF16", 16),
            Map.entry("I32", 32),
            Map.entry("U32", 32),
            Map.entry("F32", 32),
            Map.entry("C64", 64),
            Map.entry("F64", 64),
            Map.entry("I64", 64),
            Map.entry("U64", 64));

    /**
     * Where a tensor lies.
     *
     * @param name as in the file
     * @param type as in the file, perhaps one that this version does not know
     * @param shape extents
     * @param begin first byte, from the end of the header
     * @param end behind the last byte
     */
    record Place(String name, String type, List<Long> shape, long begin, long end) {}

    /** Says what is wrong with a header. */
    static final class FormatException extends Exception {
        FormatException(String message) {
            super(message);
        }
    }

    /**
     * Reads a header.
     *
     * @param json its bytes
     * @param dataBytes how many bytes lie behind it
     * @throws FormatException if it is not JSON, or tensors overlap, leave a hole, lie outside or have a wrong size
     */
    static SafetensorsHeader parse(byte[] json, long dataBytes) throws FormatException {
        JsonNode header;
        try {
            header = JSON.readTree(new String(json, StandardCharsets.UTF_8));
        } catch (JsonProcessingException e) {
            throw new FormatException("its header is not JSON: " + e.getOriginalMessage());
        }
        if (!header.isObject()) {
            throw new FormatException("its header is not a JSON object");
        }
        Map<String, String> metadata = new TreeMap<>();
        List<Place> places = new ArrayList<>();
        for (Map.Entry<String, JsonNode> field : header.properties()) {
            if (field.getKey().equals(Safetensors.METADATA)) {
                field.getValue()
                        .properties()
                        .forEach(text ->
                                metadata.put(text.getKey(), text.getValue().asText()));
            } else {
                places.add(place(field.getKey(), field.getValue(), dataBytes));
            }
        }
        places.sort(Comparator.comparingLong(Place::begin).thenComparingLong(Place::end));
        requireEndToEnd(places, dataBytes);
        return new SafetensorsHeader(metadata, places);
    }

    private static Place place(String name, JsonNode node, long dataBytes) throws FormatException {
        JsonNode offsets = node.path("data_offsets");
        long begin = wholeNumber(offsets.path(0));
        long end = wholeNumber(offsets.path(1));
        if (!node.path("dtype").isTextual() || !node.path("shape").isArray()) {
            throw new FormatException(name + " has no type and shape: " + node);
        }
        if (offsets.size() != 2 || begin < 0 || end < begin || end > dataBytes) {
            throw new FormatException(name + " has the offsets " + offsets + ", of " + dataBytes + " bytes of data");
        }
        List<Long> shape = new ArrayList<>();
        for (JsonNode extent : node.path("shape")) {
            shape.add(wholeNumber(extent));
        }
        String type = node.path("dtype").textValue();
        if (BITS.containsKey(type) && !isSize(end - begin, shape, BITS.get(type))) {
            throw new FormatException(name + " of shape " + shape + " and type " + type + " has " + (end - begin)
                    + " bytes, from " + begin + " to " + end);
        }
        return new Place(name, type, shape, begin, end);
    }

    private static long wholeNumber(JsonNode node) {
        return node.isIntegralNumber() && node.canConvertToLong() ? node.longValue() : -1;
    }

    private static boolean isSize(long bytes, List<Long> shape, int bits) {
        try {
            long product = bits;
            for (long extent : shape) {
                if (extent < 0) {
                    return false;
                }
                product = Math.multiplyExact(product, extent);
            }
            return Math.multiplyExact(bytes, (long) Byte.SIZE) == product;
        } catch (ArithmeticException tooLarge) {
            return false;
        }
    }

    private static void requireEndToEnd(List<Place> places, long dataBytes) throws FormatException {
        long covered = 0;
        for (Place place : places) {
            if (place.begin() != covered) {
                throw new FormatException(place.name() + " begins at " + place.begin() + " of the data, where the"
                        + " tensors before end at " + covered);
            }
            covered = place.end();
        }
        if (covered != dataBytes) {
            throw new FormatException("its tensors have " + covered + " bytes, the file " + dataBytes);
        }
    }
}
