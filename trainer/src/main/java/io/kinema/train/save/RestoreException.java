package io.kinema.train.save;

import java.io.IOException;
import java.nio.file.Path;

/** A checkpoint that was whole when it was chosen could not be restored: one before it may do. */
public final class RestoreException extends IOException {
    private static final long serialVersionUID = 1;

    RestoreException(Path checkpoint, IOException cause) {
        super("cannot restore " + checkpoint + ": " + cause.getMessage(), cause);
    }
}
