package io.kinema.data.command;

/** The user's mistake, told in one line: what was found, where, and what to do about it. Commands exit with code 2. */
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
     * Creates the exception with what brought it to light.
     *
     * @param message one line with the values in question, the place and the remedy
     * @param cause what was thrown where the mistake was found
     */
    public ConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}
