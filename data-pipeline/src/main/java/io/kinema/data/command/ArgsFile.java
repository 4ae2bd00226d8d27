package io.kinema.data.command;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Flags in a file, given as {@code @FILE} on the command line.
 *
 * <p>Lines hold tokens as on a command line: {@code --flag value}. White space separates tokens; single or double
 * quotes keep it; within double quotes a backslash escapes the next character. A {@code #} where a token could begin
 * starts a comment that runs to the end of the line.
 */
final class ArgsFile {
    private ArgsFile() {}

    /**
     * Reads the tokens of a file.
     *
     * @throws ConfigException if there is no such file, or a quote is left open
     */
    static List<String> read(Path file) {
        if (Files.notExists(file)) {
            throw new ConfigException(
                    "no file " + file.toAbsolutePath() + " for @" + file + "; give the path of a file of flags");
        }
        List<String> lines = TextFile.lines("", file);
        List<String> tokens = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            tokens.addAll(tokens(lines.get(i), file + ":" + (i + 1)));
        }
        return tokens;
    }

    private static List<String> tokens(String line, String where) {
        List<String> tokens = new ArrayList<>();
        StringBuilder token = new StringBuilder();
        boolean inToken = false;
        char quote = 0;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (quote != 0) {
                if (c == quote) {
                    quote = 0;
                } else if (c == '\\' && quote == '"' && i + 1 < line.length()) {
                    token.append(line.charAt(++i));
                } else {
                    token.append(c);
                }
            } else if (Character.isWhitespace(c)) {
                if (inToken) {
                    tokens.add(token.toString());
                    token.setLength(0);
                    inToken = false;
                }
            } else if (c == '#' && !inToken) {
                return tokens;
            } else {
                inToken = true;
                if (c == '"' || c == '\'') {
                    quote = c;
                } else {
                    token.append(c);
                }
            }
        }
        if (quote != 0) {
            throw new ConfigException(where + ": the quote " + quote + " is not closed; end the value with it");
        }
        if (inToken) {
            tokens.add(token.toString());
        }
        return tokens;
    }

    /** Quotes a value so that {@link #read} gives it back unchanged. A value cannot have line breaks. */
    static String quote(String value) {
        if (value.lines().count() > 1) {
            throw new ConfigException("a flag's value has a line break: '" + value + "'; flags take one line");
        }
        boolean plain =
                !value.isEmpty() && value.chars().noneMatch(c -> Character.isWhitespace(c) || "#\"'".indexOf(c) >= 0);
        return plain ? value : '"' + value.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
