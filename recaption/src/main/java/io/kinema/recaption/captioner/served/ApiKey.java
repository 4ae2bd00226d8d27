package io.kinema.recaption.captioner.served;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** The key that a server knows its user by. The key leaves this class only as a header, and is never printed. */
final class ApiKey {
    private static final String REDACTED = "***";

    private final String secret;

    private ApiKey(String secret) {
        this.secret = secret;
    }

    /**
     * Finds the key in the place that the settings name.
     *
     * @param environment the process's environment variables
     * @throws ConfigException if the file cannot be read or is empty, or a header cannot carry the key
     */
    static ApiKey find(ChatSettings settings, Map<String, String> environment) {
        if (settings.keyFile().isEmpty()) {
            return checked(
                    environment.getOrDefault(settings.keyEnvironment(), "").strip(),
                    "the environment variable " + settings.keyEnvironment());
        }
        Path file = Path.of(settings.keyFile()).toAbsolutePath();
        String text;
        try {
            text = Files.readString(file).strip();
        } catch (IOException e) {
            // Without the cause: its message might quote the file.
            throw new ConfigException("cannot read --key-file " + file + " ("
                    + e.getClass().getSimpleName() + "); give a file that holds the key and nothing else");
        }
        if (text.isEmpty()) {
            throw new ConfigException("--key-file " + file + " is empty; write the key into it, or leave the flag out");
        }
        return checked(text, "--key-file " + file);
    }

    private static ApiKey checked(String text, String where) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) <= ' ' || text.charAt(i) > '~') {
                throw new ConfigException(where + " holds no key: a key cannot have its character " + (i + 1) + " of "
                        + text.length() + "; put the key there and nothing else");
            }
        }
        return new ApiKey(text);
    }

    /** The value of the header {@code Authorization}; empty without a key. */
    Optional<String> authorization() {
        return secret.isEmpty() ? Optional.empty() : Optional.of("Bearer " + secret);
    }

    /** A foreign text, with the key struck out. */
    String redact(String text) {
        return secret.isEmpty() ? text : text.replace(secret, REDACTED);
    }

    @Override
    public String toString() {
        return secret.isEmpty() ? "no key" : REDACTED;
    }
}
