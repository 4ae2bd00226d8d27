package io.kinema.recaption.captioner;

/**
 * What a captioner says of a clip.
 *
 * @param text the caption
 * @param confidence how sure the model is, 0 to 1: the geometric mean of its tokens' probabilities; 1 where a server
 *     does not tell
 * @param problem why the answer is of no use as far as the captioner knows, such as {@code truncated}; empty for a good
 *     one
 */
public record Answer(String text, double confidence, String problem) {
    /** The problem of an answer that had not come to its end when it was as long as it may be. */
    public static final String TRUNCATED = "truncated";

    /**
     * An answer with nothing wrong about it.
     *
     * @param text the caption
     * @param confidence 0 to 1
     * @return the answer
     */
    public static Answer of(String text, double confidence) {
        return new Answer(text, confidence, "");
    }

    /**
     * None at all.
     *
     * @param problem why
     * @return the answer, with an empty text
     */
    public static Answer none(String problem) {
        return new Answer("", 0, problem);
    }
}
