package io.kinema.recaption.captioner.served;

import io.kinema.data.command.ConfigException;
import io.kinema.data.command.TextFile;
import io.kinema.recaption.captioner.Question;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The questions to a served model: a text for each style. Three placeholders may be used: {@code {frames}} for the
 * number of shown frames, {@code {seconds}} for the clip's length, {@code {captions}} for the captions that came with
 * the clip.
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
     * @throws ConfigException if a text is empty or has an unknown placeholder
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
     * @throws ConfigException if a file is missing, is not text, is empty, or has an unknown placeholder
     */
    public static Prompts read(Path briefFile, Path detailedFile) {
        return new Prompts(read(briefFile, "--prompt-short"), read(detailedFile, "--prompt-detailed"));
    }

    private static String read(Path file, String flag) {
        String text = TextFile.read(flag, file.toAbsolutePath()).strip();
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

    /** The text of a style, with its placeholders. */
    String of(String style) {
        return switch (style) {
            case Question.SHORT -> brief;
            case Question.DETAILED -> detailed;
            default ->
                throw new IllegalArgumentException("no prompt for captions of style '" + style + "'; there are "
                        + Question.SHORT + " and " + Question.DETAILED);
        };
    }

    /** The text of a style with values in place of placeholders. Braces in a value stay. */
    String fill(String style, Map<String, String> values) {
        return PLACEHOLDER.matcher(of(style)).replaceAll(found -> Matcher.quoteReplacement(values.get(found.group(1))));
    }
}
