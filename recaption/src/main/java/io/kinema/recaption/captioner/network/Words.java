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
 * The tokens of a captioner: words in lower case and signs of punctuation, each with a number. The first six are none:
 * padding, the end, an unknown word, and the three lengths that a caption may be asked for.
 */
public final class Words {
    public static final int PADDING = 0;
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
     * Makes tokens of words.
     *
     * @param words without those that are none
     */
    public Words(List<String> words) {
        this.words = List.copyOf(words);
        for (int i = 0; i < words.size(); i++) {
            numbers.put(words.get(i), FIRST_WORD + i);
        }
    }

    /** The words of texts, the most frequent ones if there are too many, in the order of the alphabet. */
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

    /** Words and signs of a text, in lower case. */
    public static List<String> split(String text) {
        List<String> split = new ArrayList<>();
        Matcher matcher = TOKEN.matcher(text.toLowerCase(Locale.ROOT));
        while (matcher.find()) {
            split.add(matcher.group());
        }
        return split;
    }

    /** The most tokens of a text, its end included. */
    public static int maxTokens(List<List<String>> texts) {
        return 1
                + texts.stream()
                        .flatMap(List::stream)
                        .mapToInt(text -> split(text).size())
                        .max()
                        .orElse(0);
    }

    public List<String> words() {
        return words;
    }

    /** How many tokens there are. */
    int size() {
        return FIRST_WORD + words.size();
    }

    public int[] numbers(String text) {
        return split(text).stream()
                .mapToInt(word -> numbers.getOrDefault(word, UNKNOWN))
                .toArray();
    }

    /** All tokens of a text: the one that it begins with, its words, and the end. */
    public int[] tokens(int beginning, String text) {
        int[] numbers = numbers(text);
        int[] tokens = new int[numbers.length + 2];
        tokens[0] = beginning;
        System.arraycopy(numbers, 0, tokens, 1, numbers.length);
        tokens[tokens.length - 1] = END;
        return tokens;
    }

    /** A text of tokens that are words; others are left out. */
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
     * The last tokens of a text, as the network sees them: what the text began with, padding where there are fewer, and
     * those before {@code length}.
     *
     * @param tokens of the text, from its beginning token on
     * @param length how many of them there are so far
     * @param out where to write
     * @param offset the first number to write
     * @param window how many to write
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
