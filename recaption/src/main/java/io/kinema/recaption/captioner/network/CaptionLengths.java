package io.kinema.recaption.captioner.network;

import io.kinema.recaption.captioner.Question;
import java.util.List;

/**
 * The bounds between short, medium and detailed captions: terciles of the numbers of words of the training captions.
 * The first token of a caption asks for a length (length levels: Deng et al., 2007.09580).
 *
 * @param shortWords the most words of a short caption
 * @param mediumWords the most words of a medium one
 */
public record CaptionLengths(int shortWords, int mediumWords) {
    /**
     * Finds the bounds.
     *
     * @param captions training captions, at least one
     * @return their terciles
     */
    public static CaptionLengths of(List<String> captions) {
        int[] lengths = captions.stream()
                .mapToInt(caption -> Words.split(caption).size())
                .sorted()
                .toArray();
        return new CaptionLengths(lengths[(lengths.length - 1) / 3], lengths[2 * (lengths.length - 1) / 3]);
    }

    /**
     * The token that asks for captions of a caption's length.
     *
     * @param caption the caption
     * @return the token
     */
    public int tokenOf(String caption) {
        int length = Words.split(caption).size();
        if (length <= shortWords) {
            return Words.FIRST_LENGTH;
        }
        return Words.FIRST_LENGTH + (length <= mediumWords ? 1 : 2);
    }

    /**
     * The token that asks for a style.
     *
     * @param style of captions
     * @return the token
     */
    public static int tokenFor(String style) {
        return style.equals(Question.SHORT) ? Words.FIRST_LENGTH : Words.FIRST_LENGTH + Words.NUM_LENGTHS - 1;
    }
}
