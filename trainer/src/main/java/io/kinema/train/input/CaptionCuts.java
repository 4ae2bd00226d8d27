package io.kinema.train.input;

import io.kinema.train.model.CaptionBytes;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;

/**
 * How many of the captions that a rank has read are longer than the model reads. Neither the index nor the manifest of
 * a data set has the lengths of captions, so that they are counted as clips are loaded.
 *
 * @param captions how many were read; clips without a caption do not count
 * @param cut how many of them have more than {@link CaptionBytes#MAX_BYTES}
 * @param longestBytes of the longest, in UTF-8
 */
public record CaptionCuts(long captions, long cut, int longestBytes) {
    /** Before the first caption. */
    public static final CaptionCuts NONE = new CaptionCuts(0, 0, 0);

    /**
     * Counts one more.
     *
     * @param caption its text; an empty one does not count
     * @return the counts with it
     */
    public CaptionCuts with(String caption) {
        if (caption.isEmpty()) {
            return this;
        }
        int bytes = caption.getBytes(StandardCharsets.UTF_8).length;
        return new CaptionCuts(
                captions + 1, cut + (bytes > CaptionBytes.MAX_BYTES ? 1 : 0), Math.max(longestBytes, bytes));
    }

    /**
     * Says what is cut.
     *
     * @param what the texts are, such as captions
     * @param where they come from, such as {@code --prompts holds}
     * @return a line; empty where nothing is cut
     */
    public Optional<String> text(String what, String where) {
        return cut == 0
                ? Optional.empty()
                : Optional.of(String.format(
                        Locale.ROOT,
                        "%s: %,d of the %,d that %s are cut to %d bytes; the longest has %,d",
                        what,
                        cut,
                        captions,
                        where,
                        CaptionBytes.MAX_BYTES,
                        longestBytes));
    }
}
