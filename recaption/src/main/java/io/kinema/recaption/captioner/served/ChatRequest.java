package io.kinema.recaption.captioner.served;

import java.util.List;

/**
 * What a served model is asked: a text, with pictures or without.
 *
 * @param system what the model is told of its task; empty for nothing
 * @param text what it is asked
 * @param jpegs pictures that come with the text, in order; not copied, so treat them as read-only
 * @param maxTokens the most tokens that the reply may have
 * @param temperature of the sampling; 0 for the likeliest words
 * @param seed of the sampling, for servers that know of one
 */
public record ChatRequest(
        String system, String text, List<byte[]> jpegs, int maxTokens, double temperature, long seed) {
    /** Keeps its own list. */
    public ChatRequest {
        jpegs = List.copyOf(jpegs);
    }
}
