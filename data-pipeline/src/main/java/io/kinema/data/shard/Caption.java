package io.kinema.data.shard;

/**
 * A description of a clip, and its origin.
 *
 * @param text the caption
 * @param origin kind of file or model: {@code txt}, {@code json}, {@code captions.csv}, {@code captions.jsonl}, or the
 *     kind of model that wrote it
 * @param style {@link #ORIGINAL} for a caption that came with the source, else the style asked for, such as
 *     {@code short} or {@code detailed}
 * @param model the model that wrote it; empty for a caption that came with the source
 * @param promptHash SHA-256 of the question to the model, in hex; empty for a caption that came with the source
 * @param confidence how sure the model was, 0 to 1; 1 for a caption that came with the source
 */
public record Caption(String text, String origin, String style, String model, String promptHash, double confidence) {
    /** The style of a caption that came with the source. */
    public static final String ORIGINAL = "original";

    /**
     * Makes a caption that came with the source.
     *
     * @param text the caption
     * @param origin kind of file
     * @return the caption
     */
    public static Caption ofSource(String text, String origin) {
        return new Caption(text, origin, ORIGINAL, "", "", 1);
    }
}
