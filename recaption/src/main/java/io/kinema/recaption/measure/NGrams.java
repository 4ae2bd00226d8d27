package io.kinema.recaption.measure;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Runs of words and how often they occur. */
final class NGrams {
    /** The longest runs that are counted, as BLEU-4 and CIDEr-D have it. */
    static final int MAX_LENGTH = 4;

    private NGrams() {}

    /** Counts the runs of {@code length} words. */
    static Map<List<String>, Integer> count(List<String> words, int length) {
        Map<List<String>, Integer> counts = new HashMap<>();
        for (int i = 0; i + length <= words.size(); i++) {
            counts.merge(List.copyOf(words.subList(i, i + length)), 1, Integer::sum);
        }
        return counts;
    }
}
