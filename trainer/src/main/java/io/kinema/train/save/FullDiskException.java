package io.kinema.train.save;

import java.io.IOException;

/** A rank's disk, or its quota, is full: the same succeeds when there is room. */
final class FullDiskException extends IOException {
    private static final long serialVersionUID = 1;

    FullDiskException(String message) {
        super(message);
    }
}
