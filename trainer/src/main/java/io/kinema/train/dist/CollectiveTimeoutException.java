package io.kinema.train.dist;

/** A collective passed its deadline; the message names the ranks that were waited for and how far each had come. */
public final class CollectiveTimeoutException extends CollectiveException {
    public CollectiveTimeoutException(String message) {
        super(message);
    }
}
