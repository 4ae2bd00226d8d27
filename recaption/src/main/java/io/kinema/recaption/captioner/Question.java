package io.kinema.recaption.captioner;

import io.kinema.data.shard.Clip;

/**
 * What a captioner is asked.
 *
 * @param clip what to describe
 * @param style how: {@link #SHORT} or {@link #DETAILED}
 * @param attempt 0 at first; counts up when an answer was of no use, for the captioner to answer otherwise
 */
public record Question(Clip clip, String style, int attempt) {
    /** The style of a caption of few words. */
    public static final String SHORT = "short";

    /** The style of a caption that leaves nothing out. */
    public static final String DETAILED = "detailed";
}
