package io.kinema.recaption.captioner;

import java.util.Locale;

/**
 * How much a client has asked of a server so far.
 *
 * @param requests requests sent, including failed and repeated requests
 * @param retries how many of these requests repeated a failed request
 * @param promptTokens tokens that were sent, as the server counts them
 * @param completionTokens tokens that the model has written, as the server counts them
 * @param uncounted good replies that did not report their tokens
 * @param cost of the counted tokens; 0 where prices are unknown
 */
public record ServerUsage(
        long requests, long retries, long promptTokens, long completionTokens, long uncounted, double cost) {
    /** No request. */
    public static final ServerUsage NONE = new ServerUsage(0, 0, 0, 0, 0, 0);

    /**
     * Adds the use of two clients.
     *
     * @param other the use of another process
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
     * Describes the use in a line.
     *
     * @return requests, tokens and, where prices are known, their cost
     */
    public String describe() {
        return String.format(
                Locale.ROOT,
                "%d requests, %d of them repeated; %d tokens sent, %d received%s%s",
                requests,
                retries,
                promptTokens,
                completionTokens,
                uncounted == 0 ? "" : ", not counting " + uncounted + " replies without a count",
                cost == 0 ? "" : String.format(Locale.ROOT, "; cost %.2f", cost));
    }
}
