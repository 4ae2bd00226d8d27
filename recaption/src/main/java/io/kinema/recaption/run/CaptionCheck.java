package io.kinema.recaption.run;

import io.kinema.recaption.captioner.Answer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** Finds useless answers. Nobody would notice empty, looping or refused captions in training data otherwise. */
final class CaptionCheck {
    /** A run of words is a loop if it comes so many times in a row. */
    private static final int REPETITIONS = 3;

    private static final int LONGEST_RUN = 12;
    private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{M}\\p{N}]");
    private static final Pattern REFUSAL = Pattern.compile(
            "^\\W*(i'?m sorry|i am sorry|sorry,|i apologi[sz]e|i can'?t|i cannot|i am unable|i'?m unable"
                    + "|unfortunately,? i\\b|as an ai\\b|i am not able|i'?m not able)");

    private CaptionCheck() {}

    /**
     * Finds the problem of an answer.
     *
     * @param answer of a captioner
     * @return the problem, or an empty text
     */
    static String problem(Answer answer) {
        if (!answer.problem().isEmpty()) {
            return answer.problem();
        }
        String text = answer.text().strip();
        if (!WORD.matcher(text).find()) {
            return "empty";
        }
        if (REFUSAL.matcher(text.toLowerCase(Locale.ROOT).replace('’', '\'')).find()) {
            return "refused: the answer is about the captioner, not the clip";
        }
        return isLoop(text) ? "repeated: the same words " + REPETITIONS + " times in a row" : "";
    }

    /** Words may come twice for emphasis; digits and punctuation may repeat at will. */
    private static boolean isLoop(String text) {
        List<String> words = Arrays.stream(text.toLowerCase(Locale.ROOT).split("[^\\p{L}\\p{M}\\p{N}'’-]+"))
                .filter(word -> !word.isEmpty())
                .toList();
        for (int length = 1; length <= LONGEST_RUN; length++) {
            int alike = 0;
            for (int i = length; i < words.size(); i++) {
                alike = words.get(i).equals(words.get(i - length)) ? alike + 1 : 0;
                if (alike >= (REPETITIONS - 1) * length) {
                    return true;
                }
            }
        }
        return false;
    }
}
