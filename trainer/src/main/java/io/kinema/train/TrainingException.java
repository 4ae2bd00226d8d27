package io.kinema.train;

/** Training cannot go on, through nobody's mistake: the loss is no longer finite, say. The message is for the user. */
final class TrainingException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    TrainingException(String message) {
        super(message);
    }
}
