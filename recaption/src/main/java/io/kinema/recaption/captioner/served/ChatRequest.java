package io.kinema.recaption.captioner.served;

import java.util.List;

/**
 * A question to a served model: a text, with or without pictures.
 *
 * @param system instructions for the model; empty for none
 * @param text the question
 * @param jpegs pictures that come with the text, in order; not copied, so treat them as read-only
 * @param maxTokens the most tokens that the reply may have
 * @param temperature of the sampling; 0 for the likeliest words
 * @param seed of the sampling, for servers that support a seed
 */
public record ChatRequest(
        String system, String text, List<byte[]> jpegs, int maxTokens, double temperature, long seed) {
    /** Keeps its own list. */
    public ChatRequest {
        jpegs = List.copyOf(jpegs);
    }
}
