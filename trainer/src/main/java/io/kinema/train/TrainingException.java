package io.kinema.train;

/** Training cannot go on, through nobody's mistake: the loss is no longer finite, say. The message is for the user. */
final class TrainingException extends RuntimeException {

    TrainingException(String message) {
        super(message);
    }
}
