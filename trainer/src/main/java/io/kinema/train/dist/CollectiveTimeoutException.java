package io.kinema.train.dist;

/** A collective passed its deadline; the message names the ranks that were waited for and how far each had come. */
public final class CollectiveTimeoutException extends CollectiveException {
    /** What a process should exit with when it stops for this reason, so that the launcher looks for the rank that hangs. */
    public static final int EXIT_CODE = 77;

    CollectiveTimeoutException(String message) {
        super(message);
    }
}
