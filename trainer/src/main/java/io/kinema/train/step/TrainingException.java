package io.kinema.train.step;

/**
 * Training cannot go on, through nobody's mistake: the loss is no longer finite, say. It would end the same if it were
 * tried again. The message is for the user.
 */
public final class TrainingException extends RuntimeException {
    /**
     * Begins with why training cannot go on.
     *
     * @param message for the user
     */
    public TrainingException(String message) {
        super(message);
    }
}
