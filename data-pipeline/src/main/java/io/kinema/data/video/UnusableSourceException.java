package io.kinema.data.video;

import java.io.IOException;

/** A source that cannot be used, through no fault of this program: it goes to quarantine and the work goes on. */
public final class UnusableSourceException extends IOException {
    /** What was being done. */
    private final String stage;

    /**
     * Creates the exception.
     *
     * @param stage what was being done: {@code probe}, {@code decode}, {@code cut} or {@code caption}
     * @param reason one line that says what is wrong with the source
     */
    public UnusableSourceException(String stage, String reason) {
        super(reason);
        this.stage = stage;
    }

    /**
     * Says how far the source came.
     *
     * @return the stage at which it was found unusable
     */
    public String stage() {
        return stage;
    }
}
