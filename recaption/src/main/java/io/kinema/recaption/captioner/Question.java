package io.kinema.recaption.captioner;

import io.kinema.data.shard.Clip;

/**
 * A request for a caption.
 *
 * @param clip the clip to describe
 * @param style of the caption: {@link #SHORT} or {@link #DETAILED}
 * @param attempt 0 at first; each useless answer adds 1, and the captioner then answers differently
 */
public record Question(Clip clip, String style, int attempt) {
    /** A caption of few words. */
    public static final String SHORT = "short";

    /** A caption that leaves nothing out. */
    public static final String DETAILED = "detailed";
}
