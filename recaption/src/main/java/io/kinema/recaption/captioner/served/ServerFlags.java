package io.kinema.recaption.captioner.served;

import com.beust.jcommander.Parameter;
import java.nio.file.Path;

/** Flags of every command that asks a server with OpenAI's interface of chat completions. */
public final class ServerFlags {
    @Parameter(
            names = "--url",
            order = 11,
            placeholder = "URL",
            description = "endpoint: base address of the interface, such as http://localhost:8000/v1")
    private String url = "http://localhost:8000/v1";

    @Parameter(
            names = "--key-environment",
            order = 12,
            placeholder = "NAME",
            description = "endpoint: the environment variable of the key, if there is a key")
    private String keyEnvironment = ChatSettings.KEY_ENVIRONMENT;

    @Parameter(
            names = "--key-file",
            order = 13,
            placeholder = "FILE",
            description = "endpoint: a file that holds the key, in place of the variable")
    private String keyFile = "";

    @Parameter(
            names = "--concurrency",
            order = 14,
            placeholder = "N",
            description = "endpoint: the most requests in flight, over all machines")
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
            description = "endpoint: how often to repeat a failed request")
    private int retries = 5;

    @Parameter(
            names = "--timeout-seconds",
            order = 17,
            placeholder = "S",
            description = "endpoint: the longest time of a request")
    private double timeoutSeconds = 120;

    @Parameter(
            names = "--prompt-price-per-million",
            order = 18,
            placeholder = "P",
            description = "endpoint: price of a million tokens of requests; 0 if unknown")
    private double promptPrice;

    @Parameter(
            names = "--completion-price-per-million",
            order = 19,
            placeholder = "P",
            description = "endpoint: price of a million tokens of answers; 0 if unknown")
    private double completionPrice;

    /** Flags with their defaults. */
    public ServerFlags() {}

    /**
     * Returns the settings that the flags give.
     *
     * @param model the model's name on the server
     * @return the settings
     * @throws io.kinema.data.command.ConfigException if a value is out of its range
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
