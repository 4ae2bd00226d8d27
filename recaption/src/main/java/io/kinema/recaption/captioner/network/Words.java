package io.kinema.recaption.captioner.network;

import io.kinema.data.command.ConfigException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The vocabulary of a captioner: words in lower case and punctuation, each with a number. The first six numbers are not
 * words: padding, the end, an unknown word, and the three lengths of captions.
 */
public final class Words {
    /** Fills the place of missing tokens. */
    public static final int PADDING = 0;

    /** Ends a text. */
    public static final int END = 1;

    static final int UNKNOWN = 2;

    /** The token that asks for the shortest captions; medium and detailed ones follow. */
    static final int FIRST_LENGTH = 3;

    static final int NUM_LENGTHS = 3;

    private static final int FIRST_WORD = FIRST_LENGTH + NUM_LENGTHS;
    private static final int MAX_WORDS = 8192;
    private static final Pattern TOKEN =
            Pattern.compile("[\\p{L}\\p{M}\\p{N}]+(?:['’-][\\p{L}\\p{M}\\p{N}]+)*|[^\\s\\p{L}\\p{M}\\p{N}]");
    private static final String NO_SPACE_BEFORE = ".,;:!?)%";

    private final List<String> words;
    private final Map<String, Integer> numbers = new HashMap<>();

    /**
     * Numbers words.
     *
     * @param words words and punctuation only
     */
    public Words(List<String> words) {
        this.words = List.copyOf(words);
        for (int i = 0; i < words.size(); i++) {
            numbers.put(words.get(i), FIRST_WORD + i);
        }
    }

    /**
     * Collects the words of texts in alphabetical order. If there are too many, the most frequent words are kept.
     *
     * @param texts the texts
     * @return their words
     * @throws ConfigException if no text has a word
     */
    public static Words of(List<String> texts) {
        Map<String, Integer> counts = new HashMap<>();
        texts.forEach(text -> split(text).forEach(word -> counts.merge(word, 1, Integer::sum)));
        if (counts.isEmpty()) {
            throw new ConfigException("none of the " + texts.size()
                    + " captions has a word in it; give the videos captions and prepare them again");
        }
        return new Words(counts.entrySet().stream()
                .sorted(Map.Entry.<String, Integer>comparingByValue()
                        .reversed()
                        .thenComparing(Map.Entry.comparingByKey()))
                .limit(MAX_WORDS)
                .map(Map.Entry::getKey)
                .sorted(Comparator.naturalOrder())
                .toList());
    }

    /**
     * Splits a text.
     *
     * @param text the text
     * @return its words and punctuation, in lower case
     */
    public static List<String> split(String text) {
        List<String> split = new ArrayList<>();
        Matcher matcher = TOKEN.matcher(text.toLowerCase(Locale.ROOT));
        while (matcher.find()) {
            split.add(matcher.group());
        }
        return split;
    }

    /**
     * Finds the longest text.
     *
     * @param texts texts by example
     * @return the most tokens of a text, with its end
     */
    public static int maxTokens(List<List<String>> texts) {
        return 1
                + texts.stream()
                        .flatMap(List::stream)
                        .mapToInt(text -> split(text).size())
                        .max()
                        .orElse(0);
    }

    /**
     * Returns all words.
     *
     * @return words and punctuation, in the order of their numbers
     */
    public List<String> words() {
        return words;
    }

    /** How many tokens there are. */
    int size() {
        return FIRST_WORD + words.size();
    }

    /**
     * Returns the numbers of a text's words.
     *
     * @param text the text
     * @return a number for each word
     */
    public int[] numbers(String text) {
        return split(text).stream()
                .mapToInt(word -> numbers.getOrDefault(word, UNKNOWN))
                .toArray();
    }

    /**
     * Returns all tokens of a text: its first token, its words, and the end.
     *
     * @param beginning the first token
     * @param text the words
     * @return the tokens
     */
    public int[] tokens(int beginning, String text) {
        int[] numbers = numbers(text);
        int[] tokens = new int[numbers.length + 2];
        tokens[0] = beginning;
        System.arraycopy(numbers, 0, tokens, 1, numbers.length);
        tokens[tokens.length - 1] = END;
        return tokens;
    }

    /**
     * Writes tokens as a text. Tokens that are not words are left out.
     *
     * @param tokens the tokens
     * @return the text
     */
    public String text(int[] tokens) {
        StringBuilder text = new StringBuilder();
        for (int token : tokens) {
            if (token >= FIRST_WORD) {
                String word = words.get(token - FIRST_WORD);
                boolean isClose =
                        NO_SPACE_BEFORE.contains(word) || text.isEmpty() || text.charAt(text.length() - 1) == '(';
                text.append(isClose ? "" : " ").append(word);
            }
        }
        return text.toString();
    }

    /**
     * Writes the window of a text: its first token, padding if the text is short, and the last tokens before
     * {@code length}.
     *
     * @param tokens of the text, from its first token on
     * @param length number of tokens so far
     * @param out where to write
     * @param offset index of the first value to write
     * @param window number of values to write
     */
    static void window(int[] tokens, int length, float[] out, int offset, int window) {
        Arrays.fill(out, offset, offset + window, PADDING);
        out[offset] = tokens[0];
        int first = Math.max(1, length - window + 1);
        for (int i = first; i < length; i++) {
            out[offset + window - (length - i)] = tokens[i];
        }
    }
}
