package io.kinema.data.command;

/** A mistake of the user, in one line: the values found, the place, and the remedy. Commands exit with code 2. */
public final class ConfigException extends RuntimeException {
    /**
     * Creates the exception.
     *
     * @param message one line with the values in question, the place and the remedy
     */
    public ConfigException(String message) {
        super(message);
    }

    /**
     * Creates the exception with its cause.
     *
     * @param message one line with the values in question, the place and the remedy
     * @param cause the exception that revealed the mistake
     */
    public ConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}
