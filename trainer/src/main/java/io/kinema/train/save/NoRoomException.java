package io.kinema.train.save;

import java.io.IOException;

/** The disk stayed full for as long as a checkpoint waits for room: a restart would end the same. */
public final class NoRoomException extends IOException {
    private static final long serialVersionUID = 1;

    NoRoomException(String message) {
        super(message);
    }
}
