package io.kinema.data.storage;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Files of one JSON object a line, UTF-8. A killed process, or a full disk, leaves a line half written, perhaps within
 * a character; the lines around it are as good as before.
 */
public final class JsonLines {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private JsonLines() {}

    /**
     * One line that is not blank.
     *
     * @param number from 1
     * @param text the line without its end; bytes that are not UTF-8 are replaced
     * @param object what the line says; missing where the line is no whole object
     * @param fault why the line is no whole object; empty where it is one
     */
    public record Line(long number, String text, JsonNode object, String fault) {
        /**
         * Says whether the line is a JSON object from its first byte to its last.
         *
         * @return whether it is
         */
        public boolean isWhole() {
            return fault.isEmpty();
        }
    }

    /**
     * Reads all lines, whole or not.
     *
     * @param in the bytes; the caller closes it
     * @param each takes the lines in their order
     * @throws IOException if the bytes cannot be read
     */
    public static void read(InputStream in, Consumer<Line> each) throws IOException {
        InputStream buffered = new BufferedInputStream(in, 1 << 16);
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        long number = 1;
        for (int next = buffered.read(); next >= 0; next = buffered.read()) {
            if (next == '\n') {
                hand(line, number++, each);
            } else {
                line.write(next);
            }
        }
        hand(line, number, each);
    }

    private static void hand(ByteArrayOutputStream line, long number, Consumer<Line> each) {
        byte[] bytes = line.toByteArray();
        line.reset();
        Line parsed = parse(bytes, number);
        if (!parsed.text.isBlank()) {
            each.accept(parsed);
        }
    }

    /**
     * Reads the whole lines of a file. Others are left out, with one warning that names the file and the first of them.
     *
     * @param file written by a process that may have been killed
     * @param warnings takes the warning
     * @return the whole lines in their order
     * @throws IOException if the file cannot be read
     */
    public static List<Line> whole(Path file, Consumer<String> warnings) throws IOException {
        List<Line> whole = new ArrayList<>();
        List<Line> torn = new ArrayList<>();
        try (InputStream in = Files.newInputStream(file)) {
            read(in, line -> (line.isWhole() ? whole : torn).add(line));
        }
        if (!torn.isEmpty()) {
            Line first = torn.getFirst();
            warnings.accept("warning: " + file + " line " + first.number + " is half written and is left out ("
                    + first.fault + ")" + (torn.size() == 1 ? "" : ", as are " + (torn.size() - 1) + " more lines"));
        }
        return whole;
    }

    /**
     * Reads one line.
     *
     * @param bytes without the line's end
     * @param number of the line, from 1
     * @return the line
     */
    public static Line parse(byte[] bytes, long number) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
            JsonNode node = JSON.readTree(text);
            return node.isObject()
                    ? new Line(number, text, node, "")
                    : new Line(number, text, MissingNode.getInstance(), "no JSON object");
        } catch (CharacterCodingException e) {
            return new Line(number, text, MissingNode.getInstance(), "bytes that are not UTF-8");
        } catch (JsonProcessingException e) {
            String reason = e.getOriginalMessage().lines().findFirst().orElse("no JSON");
            return new Line(number, text, MissingNode.getInstance(), reason);
        }
    }
}
