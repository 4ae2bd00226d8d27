package io.kinema.recaption.captioner;

/**
 * What a client has used so far.
 *
 * @param requests requests sent, failed ones and repeated ones included
 * @param retries how many of them were sent because one before had failed
 * @param promptTokens tokens that were sent, as the server counts them
 * @param completionTokens tokens that the model has written, as the server counts them
 * @param uncounted good replies that did not say how many tokens they took
 * @param cost of the tokens that were counted; 0 where prices are unknown
 */
public record ChatUsage(
        long requests, long retries, long promptTokens, long completionTokens, long uncounted, double cost) {}
