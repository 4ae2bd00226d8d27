package io.kinema.recaption.captioner;

/**
 * A captioner's answer to a {@link Question}.
 *
 * @param text the caption
 * @param confidence how sure the model is, 0 to 1: the geometric mean of its tokens' probabilities; 1 where a server
 *     does not report probabilities
 * @param problem why the answer is useless, such as {@code truncated}; empty for a good answer
 */
public record Answer(String text, double confidence, String problem) {
    /** The problem of an answer that reached its longest length before its end. */
    public static final String TRUNCATED = "truncated";

    /**
     * Makes a good answer.
     *
     * @param text the caption
     * @param confidence 0 to 1
     * @return the answer
     */
    public static Answer of(String text, double confidence) {
        return new Answer(text, confidence, "");
    }

    /**
     * Makes an answer without a text.
     *
     * @param problem why there is no text
     * @return the answer, with an empty text
     */
    public static Answer none(String problem) {
        return new Answer("", 0, problem);
    }
}
