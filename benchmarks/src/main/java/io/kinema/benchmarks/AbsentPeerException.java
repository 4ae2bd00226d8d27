package io.kinema.benchmarks;

/** A peer is not installed here; the message says what there is instead. */
final class AbsentPeerException extends Exception {
    private static final long serialVersionUID = 1;

    AbsentPeerException(String message) {
        super(message);
    }
}
