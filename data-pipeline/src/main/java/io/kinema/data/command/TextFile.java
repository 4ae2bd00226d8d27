package io.kinema.data.command;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Files of UTF-8 text that a user writes. */
public final class TextFile {
    private TextFile() {}

    /**
     * Reads a file whole.
     *
     * @param flag that names the file, for messages; empty where none does
     * @param file to read
     * @return its text
     * @throws ConfigException if the file is not there, is not readable, or is not UTF-8; the message has the place
     */
    public static String read(String flag, Path file) {
        String what = flag.isEmpty() ? file.toString() : flag + " " + file;
        byte[] bytes;
        try {
            bytes = Files.readAllBytes(file);
        } catch (IOException e) {
            throw new ConfigException("cannot read " + what + " (" + e + "); give a file of UTF-8 text", e);
        }
        CharBuffer text = CharBuffer.allocate(bytes.length);
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
        ByteBuffer from = ByteBuffer.wrap(bytes);
        CoderResult result = decoder.decode(from, text, true);
        if (result.isError()) {
            int at = from.position();
            long line = 1 + text.flip().chars().filter(c -> c == '\n').count();
            throw new ConfigException("%s line %d is not UTF-8: byte 0x%02X at offset %d; save the file as UTF-8"
                    .formatted(what, line, bytes[at], at));
        }
        return text.flip().toString();
    }

    /**
     * Reads a file line by line.
     *
     * @param flag that names the file, for messages; empty where none does
     * @param file to read
     * @return its lines without their ends
     * @throws ConfigException as {@link #read}
     */
    public static List<String> lines(String flag, Path file) {
        return read(flag, file).lines().toList();
    }
}
