package io.kinema.data.video;

import java.io.IOException;

/** A fault of a source: the source goes to quarantine, and the work continues. */
public final class UnusableSourceException extends IOException {
    /** The stage that failed. */
    private final String stage;

    /**
     * Creates the exception.
     *
     * @param stage the stage that failed: {@code probe}, {@code decode}, {@code cut} or {@code caption}
     * @param reason the fault, in one line
     */
    public UnusableSourceException(String stage, String reason) {
        super(reason);
        this.stage = stage;
    }

    /**
     * Returns the stage that failed.
     *
     * @return the stage
     */
    public String stage() {
        return stage;
    }
}
