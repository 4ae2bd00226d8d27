package io.kinema.recaption.captioner.served;

import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.Question;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a served model is asked of a clip, in words: a text for each style. In it {@code {frames}} stands for how many
 * frames are shown, {@code {seconds}} for how long the clip is, and {@code {captions}} for the captions that came with
 * it; none of them has to be used.
 *
 * @param brief asks for a caption of style {@link Question#SHORT}
 * @param detailed asks for one of style {@link Question#DETAILED}
 */
public record Prompts(String brief, String detailed) {
    private static final Pattern PLACEHOLDER = Pattern.compile("\\{([a-zA-Z]+)}");
    private static final Set<String> KNOWN = new TreeSet<>(Set.of("frames", "seconds", "captions"));

    /**
     * Checks the texts.
     *
     * @throws ConfigException if one is empty or has a placeholder that stands for nothing
     */
    public Prompts {
        check(brief, "the prompt for short captions", "--prompt-short");
        check(detailed, "the prompt for detailed captions", "--prompt-detailed");
    }

    /**
     * Reads the texts from files.
     *
     * @param briefFile of {@code --prompt-short}
     * @param detailedFile of {@code --prompt-detailed}
     * @return the texts, without white space at either end
     * @throws ConfigException if a file is not there, is no text, is empty, or has a placeholder that stands for
     *     nothing
     */
    public static Prompts read(Path briefFile, Path detailedFile) {
        return new Prompts(read(briefFile, "--prompt-short"), read(detailedFile, "--prompt-detailed"));
    }

    private static String read(Path file, String flag) {
        String text;
        try {
            text = Files.readString(file).strip();
        } catch (IOException e) {
            throw new ConfigException(
                    "cannot read " + flag + " " + file.toAbsolutePath() + " ("
                            + e.getClass().getSimpleName() + "); give a file of UTF-8 text that says what to ask",
                    e);
        }
        check(text, flag + " " + file.toAbsolutePath(), flag);
        return text;
    }

    private static void check(String text, String where, String flag) {
        if (text.isBlank()) {
            throw new ConfigException(where + " is empty; give a text that says what to ask with " + flag);
        }
        Matcher found = PLACEHOLDER.matcher(text);
        while (found.find()) {
            if (!KNOWN.contains(found.group(1))) {
                throw new ConfigException(where + " has the placeholder " + found.group()
                        + ", which stands for nothing;" + " those that do are " + KNOWN + " in braces");
            }
        }
    }

    /** The text of a style, as it was written. */
    String of(String style) {
        return switch (style) {
            case Question.SHORT -> brief;
            case Question.DETAILED -> detailed;
            default ->
                throw new IllegalArgumentException("no prompt for captions of style '" + style + "'; there are "
                        + Question.SHORT + " and " + Question.DETAILED);
        };
    }

    /** The text of a style with everything in its place. Values are put in as they are: braces in a caption stay. */
    String fill(String style, Map<String, String> values) {
        return PLACEHOLDER.matcher(of(style)).replaceAll(found -> Matcher.quoteReplacement(values.get(found.group(1))));
    }
}
