package io.kinema.train.dist;

/** A collective could not be completed: the run is broken on this rank, restart it from its last checkpoint. */
public sealed class CollectiveException extends RuntimeException
        permits CollectiveTimeoutException, PeerLostException, StorageTimeoutException {

    /**
     * Begins with what cannot be completed.
     *
     * @param message for the user
     * @param cause what failed
     */
    public CollectiveException(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * Begins with what cannot be completed.
     *
     * @param message for the user
     */
    public CollectiveException(String message) {
        super(message);
    }
}
