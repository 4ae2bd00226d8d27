package io.kinema.recaption.captioner.served;

import io.kinema.data.command.ConfigException;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Set;

/**
 * A server that speaks OpenAI's chat completions, and how much is asked of it. A key is never part of this, only where
 * to find it.
 *
 * @param url where the interface begins, such as {@code http://localhost:8000/v1}; {@code /chat/completions} is put
 *     behind it
 * @param model the name that the server has for the model
 * @param keyEnvironment the environment variable that holds the key; where it is not set, none is sent
 * @param keyFile a file that holds the key, which then goes before the variable; empty for none
 * @param limits how much is asked at once, and how patiently
 * @param price what tokens cost
 */
public record ChatSettings(
        String url, String model, String keyEnvironment, String keyFile, Limits limits, Price price) {
    /** The environment variable that a key is usually in. */
    public static final String KEY_ENVIRONMENT = "OPENAI_API_KEY";

    /**
     * Checks the settings.
     *
     * @throws ConfigException if the address or the model's name cannot be one
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
     * How much is asked at once, and how patiently: by each process that has a client, not by all together.
     *
     * @param concurrency the most requests in flight
     * @param requestsPerMinute the most requests that are begun in a minute, evenly spaced; 0 for no such limit
     * @param retries how often a request that failed is sent again
     * @param timeoutSeconds the longest that a request may take, with its whole reply
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
     * What tokens cost, in any currency.
     *
     * @param promptPerMillion price of a million tokens that are sent; 0 where unknown
     * @param completionPerMillion price of a million tokens that the model writes; 0 where unknown
     */
    public record Price(double promptPerMillion, double completionPerMillion) {
        /**
         * Checks the prices.
         *
         * @throws ConfigException if one is no price
         */
        public Price {
            check(promptPerMillion, "--prompt-price-per-million");
            check(completionPerMillion, "--completion-price-per-million");
        }

        private static void check(double price, String flag) {
            if (!(price >= 0) || Double.isInfinite(price)) {
                throw new ConfigException(
                        flag + " " + price + " is not a price; give what a million tokens cost, or 0 where unknown");
            }
        }
    }

    /** Where requests are sent. */
    URI completions() {
        return URI.create((url.endsWith("/") ? url : url + "/") + "chat/completions");
    }

    private static void checkUrl(String url) {
        String remedy = "; give where the interface begins, such as http://localhost:8000/v1";
        URI uri;
        try {
            uri = new URI(url);
        } catch (URISyntaxException e) {
            throw new ConfigException("--url '" + url + "' is not an address" + remedy, e);
        }
        if (uri.getRawUserInfo() != null || uri.getRawQuery() != null || uri.getRawFragment() != null) {
            // Not shown: what is too much may be a key.
            throw new ConfigException(
                    "--url for " + uri.getHost() + " has a user, a '?' or a '#' in it; give only where"
                            + " the interface begins, and a key in an environment variable or with --key-file");
        }
        if (!Set.of("http", "https").contains(String.valueOf(uri.getScheme())) || uri.getHost() == null) {
            throw new ConfigException("--url '" + url + "' is not an http or https address" + remedy);
        }
        if (uri.getPath().endsWith("/chat/completions")) {
            throw new ConfigException("--url " + url + " ends in /chat/completions, which is added; leave that off");
        }
    }
}
