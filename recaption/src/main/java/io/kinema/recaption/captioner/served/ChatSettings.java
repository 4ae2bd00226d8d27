package io.kinema.recaption.captioner.served;

import io.kinema.data.command.ConfigException;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Set;

/**
 * A server with OpenAI's interface of chat completions, and the limits of its use. The settings never hold the key,
 * only the place of the key.
 *
 * @param url base address of the interface, such as {@code http://localhost:8000/v1}; {@code /chat/completions} is
 *     appended
 * @param model the model's name on the server
 * @param keyEnvironment the environment variable of the key; if it is not set, no key is sent
 * @param keyFile a file that holds the key, in place of the variable; empty for none
 * @param limits number of requests, retries and time
 * @param price the price of tokens
 */
public record ChatSettings(
        String url, String model, String keyEnvironment, String keyFile, Limits limits, Price price) {
    /** The usual environment variable of a key. */
    public static final String KEY_ENVIRONMENT = "OPENAI_API_KEY";

    /**
     * Checks the settings.
     *
     * @throws ConfigException if the address or the model's name is not valid
     */
    public ChatSettings {
        keyEnvironment = keyEnvironment == null ? "" : keyEnvironment;
        keyFile = keyFile == null ? "" : keyFile;
        checkUrl(url);
        if (model.isBlank()) {
            throw new ConfigException("--model is empty; give a name that " + url + "/models lists");
        }
    }

    /**
     * The limits of each process that has a client, not of all processes together.
     *
     * @param concurrency the most requests in flight
     * @param requestsPerMinute the most requests a minute, evenly spaced; 0 for no limit
     * @param retries how often a failed request is repeated
     * @param timeoutSeconds the longest time of a request, with its whole reply
     */
    public record Limits(int concurrency, double requestsPerMinute, int retries, double timeoutSeconds) {
        private static final int MOST_AT_ONCE = 1024;
        private static final double DAY_SECONDS = 86_400;

        /**
         * Checks the limits.
         *
         * @throws ConfigException if one is out of its range
         */
        public Limits {
            if (concurrency < 1 || concurrency > MOST_AT_ONCE) {
                throw new ConfigException(
                        "--concurrency " + concurrency + " is not possible; give 1 to " + MOST_AT_ONCE);
            }
            if (!(requestsPerMinute >= 0) || Double.isInfinite(requestsPerMinute)) {
                throw new ConfigException("--requests-per-minute " + requestsPerMinute
                        + " is not possible; give a number above 0, or 0 for no limit");
            }
            if (retries < 0 || retries > 100) {
                throw new ConfigException("--retries " + retries + " is not possible; give 0 to 100");
            }
            if (!(timeoutSeconds > 0 && timeoutSeconds <= DAY_SECONDS)) {
                throw new ConfigException("--timeout-seconds " + timeoutSeconds
                        + " is not possible; give a number above 0 and at most 86400");
            }
        }
    }

    /**
     * The price of tokens, in any currency.
     *
     * @param promptPerMillion price of a million tokens of requests; 0 if unknown
     * @param completionPerMillion price of a million tokens of answers; 0 if unknown
     */
    public record Price(double promptPerMillion, double completionPerMillion) {
        /**
         * Checks the prices.
         *
         * @throws ConfigException if a price is negative or not a number
         */
        public Price {
            check(promptPerMillion, "--prompt-price-per-million");
            check(completionPerMillion, "--completion-price-per-million");
        }

        private static void check(double price, String flag) {
            if (!(price >= 0) || Double.isInfinite(price)) {
                throw new ConfigException(
                        flag + " " + price + " is not a price; give the price of a million tokens, or 0 if unknown");
            }
        }
    }

    /** The address of requests. */
    URI completions() {
        return URI.create((url.endsWith("/") ? url : url + "/") + "chat/completions");
    }

    private static void checkUrl(String url) {
        String remedy = "; give the base address of the interface, such as http://localhost:8000/v1";
        URI uri;
        try {
            uri = new URI(url);
        } catch (URISyntaxException e) {
            throw new ConfigException("--url '" + url + "' is not an address" + remedy, e);
        }
        if (uri.getRawUserInfo() != null || uri.getRawQuery() != null || uri.getRawFragment() != null) {
            // Not shown: it may hold a key.
            throw new ConfigException(
                    "--url for " + uri.getHost() + " has a user, a '?' or a '#' in it; give the base address only,"
                            + " and a key in an environment variable or with --key-file");
        }
        if (!Set.of("http", "https").contains(String.valueOf(uri.getScheme())) || uri.getHost() == null) {
            throw new ConfigException("--url '" + url + "' is not an http or https address" + remedy);
        }
        if (uri.getPath().endsWith("/chat/completions")) {
            throw new ConfigException(
                    "--url " + url + " ends in /chat/completions, which Kinema appends itself; leave it off");
        }
    }
}
