package io.kinema.recaption.captioner.served;

import com.beust.jcommander.Parameter;
import java.nio.file.Path;

/** Flags of a server with the interface of OpenAI's chat completions, for every command that asks one. */
public final class ServerFlags {
    @Parameter(
            names = "--url",
            order = 11,
            placeholder = "URL",
            description = "endpoint: where the interface begins, such as http://localhost:8000/v1")
    private String url = "http://localhost:8000/v1";

    @Parameter(
            names = "--key-environment",
            order = 12,
            placeholder = "NAME",
            description = "endpoint: the environment variable that the key is in, if there is one")
    private String keyEnvironment = ChatSettings.KEY_ENVIRONMENT;

    @Parameter(
            names = "--key-file",
            order = 13,
            placeholder = "FILE",
            description = "endpoint: a file with the key, in place of the variable")
    private String keyFile = "";

    @Parameter(
            names = "--concurrency",
            order = 14,
            placeholder = "N",
            description = "endpoint: the most requests in flight, over all machines that caption")
    private int concurrency = 8;

    @Parameter(
            names = "--requests-per-minute",
            order = 15,
            placeholder = "N",
            description = "endpoint: the most requests a minute, over all machines; 0 for no limit")
    private double requestsPerMinute;

    @Parameter(
            names = "--retries",
            order = 16,
            placeholder = "N",
            description = "endpoint: how often a request that failed is sent again")
    private int retries = 5;

    @Parameter(
            names = "--timeout-seconds",
            order = 17,
            placeholder = "S",
            description = "endpoint: the longest that a request may take")
    private double timeoutSeconds = 120;

    @Parameter(
            names = "--prompt-price-per-million",
            order = 18,
            placeholder = "P",
            description = "endpoint: what a million tokens cost that are sent; 0 where unknown")
    private double promptPrice;

    @Parameter(
            names = "--completion-price-per-million",
            order = 19,
            placeholder = "P",
            description = "endpoint: what a million tokens cost that come back; 0 where unknown")
    private double completionPrice;

    /** Flags with their defaults. */
    public ServerFlags() {}

    /**
     * What the flags say.
     *
     * @param model the name that the server has for its model
     * @return the settings
     * @throws io.kinema.data.command.ConfigException if one is out of its range
     */
    public ChatSettings settings(String model) {
        return new ChatSettings(
                url,
                model,
                keyEnvironment,
                keyFile,
                new ChatSettings.Limits(concurrency, requestsPerMinute, retries, timeoutSeconds),
                new ChatSettings.Price(promptPrice, completionPrice));
    }

    /**
     * A file that comes with Kinema.
     *
     * @param name of the file
     * @return its path in the folder {@code configs}
     */
    public static String configs(String name) {
        String home = System.getenv("KINEMA_HOME");
        return Path.of(home == null ? "" : home, "configs", name).toString();
    }
}
