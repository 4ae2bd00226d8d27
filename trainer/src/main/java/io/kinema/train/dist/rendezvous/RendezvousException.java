package io.kinema.train.dist.rendezvous;

import java.io.IOException;

/** The ranks of a run did not all find each other. */
public final class RendezvousException extends IOException {

    RendezvousException(String message) {
        super(message);
    }

    RendezvousException(String message, Throwable cause) {
        super(message, cause);
    }
}
