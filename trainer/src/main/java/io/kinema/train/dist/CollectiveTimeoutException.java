package io.kinema.train.dist;

/** A collective passed its deadline; the message names the ranks that were waited for and how far each had come. */
public final class CollectiveTimeoutException extends CollectiveException {
    /**
     * Begins with who was waited for.
     *
     * @param message for the user
     */
    public CollectiveTimeoutException(String message) {
        super(message);
    }
}
