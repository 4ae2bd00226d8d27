package io.kinema.train.input;

import java.util.Locale;
import java.util.Optional;

/**
 * The frame rates of the videos that a rank has read. The model is told none: to it, clips of another rate show faster
 * or slower motion.
 *
 * @param lowestHz of all; 0 before the first
 * @param highestHz of all
 */
record FrameRates(double lowestHz, double highestHz) {
    /** Rates such as 24 and 23.976 are the same to the eye. */
    private static final double ALIKE = 1.01;

    /** Before the first video. */
    static final FrameRates NONE = new FrameRates(0, 0);

    /** An image has no rate. */
    FrameRates with(int numFrames, double rateHz) {
        if (numFrames == 1 || !(rateHz > 0)) {
            return this;
        }
        return this.equals(NONE)
                ? new FrameRates(rateHz, rateHz)
                : new FrameRates(Math.min(lowestHz, rateHz), Math.max(highestHz, rateHz));
    }

    /** A line; empty where all are alike. */
    Optional<String> text() {
        return highestHz <= lowestHz * ALIKE
                ? Optional.empty()
                : Optional.of(String.format(
                        Locale.ROOT,
                        "warning: the clips have %.4g to %.4g frames a second, and the model is told none; give all the"
                                + " same by launch/prepare.sh --fps",
                        lowestHz,
                        highestHz));
    }
}
