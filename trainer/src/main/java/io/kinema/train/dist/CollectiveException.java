package io.kinema.train.dist;

/** A collective could not be completed: the run is broken on this rank, restart it from its last checkpoint. */
public sealed class CollectiveException extends RuntimeException permits CollectiveTimeoutException, PeerLostException {

    public CollectiveException(String message, Throwable cause) {
        super(message, cause);
    }

    public CollectiveException(String message) {
        super(message);
    }
}
