package io.kinema.recaption.captioner.network;

import io.kinema.recaption.captioner.Question;
import java.util.List;

/**
 * Which captions count as short, medium and detailed: by the terciles of the numbers of words of those that are learned
 * from. The first token of a caption asks for one (length levels: Deng et al., 2007.09580).
 *
 * @param shortWords the most words of a short caption
 * @param mediumWords the most words of a medium one
 */
public record CaptionLengths(int shortWords, int mediumWords) {
    public static CaptionLengths of(List<String> captions) {
        int[] lengths = captions.stream()
                .mapToInt(caption -> Words.split(caption).size())
                .sorted()
                .toArray();
        return new CaptionLengths(lengths[(lengths.length - 1) / 3], lengths[2 * (lengths.length - 1) / 3]);
    }

    /** The token that asks for captions like this. */
    public int tokenOf(String caption) {
        int length = Words.split(caption).size();
        if (length <= shortWords) {
            return Words.FIRST_LENGTH;
        }
        return Words.FIRST_LENGTH + (length <= mediumWords ? 1 : 2);
    }

    /** The token that asks for a style. */
    public static int tokenFor(String style) {
        return style.equals(Question.SHORT) ? Words.FIRST_LENGTH : Words.FIRST_LENGTH + Words.NUM_LENGTHS - 1;
    }
}
