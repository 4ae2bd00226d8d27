package io.kinema.recaption.captioner;

import java.util.Locale;

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
public record ServerUsage(
        long requests, long retries, long promptTokens, long completionTokens, long uncounted, double cost) {
    /** Nothing was asked. */
    public static final ServerUsage NONE = new ServerUsage(0, 0, 0, 0, 0, 0);

    /**
     * What two have used together.
     *
     * @param other of another process
     * @return the sums
     */
    public ServerUsage plus(ServerUsage other) {
        return new ServerUsage(
                requests + other.requests,
                retries + other.retries,
                promptTokens + other.promptTokens,
                completionTokens + other.completionTokens,
                uncounted + other.uncounted,
                cost + other.cost);
    }

    /**
     * In a line.
     *
     * @return requests, tokens and, where prices are known, their cost
     */
    public String describe() {
        return String.format(
                Locale.ROOT,
                "%d requests, %d of them again; %d tokens sent, %d came back%s%s",
                requests,
                retries,
                promptTokens,
                completionTokens,
                uncounted == 0 ? "" : ", not counting " + uncounted + " replies that do not tell",
                cost == 0 ? "" : String.format(Locale.ROOT, "; cost %.2f", cost));
    }
}
