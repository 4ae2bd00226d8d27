package io.kinema.train.dist;

/** A rank's storage took longer than all ranks wait for it; the message names the rank. */
public final class StorageTimeoutException extends CollectiveException {
    /**
     * Begins with what took so long.
     *
     * @param message for the user
     */
    public StorageTimeoutException(String message) {
        super(message);
    }
}
