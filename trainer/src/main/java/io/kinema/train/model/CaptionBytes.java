package io.kinema.train.model;

import java.nio.charset.StandardCharsets;

/**
 * Captions as the caption encoder reads them: the first {@link #MAX_BYTES} bytes of their UTF-8, cut between
 * characters. What a longer caption says after that is not trained on, and not sampled by: In training rank 0 says how
 * many of the captions that it has read are cut.
 */
public final class CaptionBytes {
    /** Rows of the embedding: 256 bytes and {@link #NONE}. */
    public static final int VOCABULARY = 257;

    /** The token that stands for an absent or dropped caption. */
    public static final int NONE = 256;

    /** The most bytes of a caption that are read; English has a byte a letter, most other scripts two or three. */
    public static final int MAX_BYTES = 256;

    /** For the help of flags that choose captions. */
    public static final String READ = "The model reads the first " + MAX_BYTES + " bytes of a caption";

    private static final int CONTINUATION_MASK = 0xC0;
    private static final int CONTINUATION = 0x80;

    private CaptionBytes() {}

    /**
     * Reads a caption.
     *
     * @param caption any text; empty stands for none
     * @return its first {@link #MAX_BYTES} bytes, cut between characters, or {@link #none()}
     */
    public static int[] of(String caption) {
        byte[] bytes = caption.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(bytes.length, MAX_BYTES);
        while (length < bytes.length && length > 0 && (bytes[length] & CONTINUATION_MASK) == CONTINUATION) {
            length--;
        }
        if (length == 0) {
            return none();
        }
        int[] ids = new int[length];
        for (int i = 0; i < length; i++) {
            ids[i] = bytes[i] & 0xFF;
        }
        return ids;
    }

    /**
     * Returns what stands for no caption.
     *
     * @return {@link #NONE} alone
     */
    public static int[] none() {
        return new int[] {NONE};
    }
}
