package io.kinema.train;

/** Training cannot go on, through nobody's mistake: the loss is no longer finite, say. It would end the same if it were tried again. The message is for the user. */
final class TrainingException extends RuntimeException {
    /** What a rank exits with that stops for this reason. */
    static final int EXIT_CODE = 78;

    TrainingException(String message) {
        super(message);
    }
}
