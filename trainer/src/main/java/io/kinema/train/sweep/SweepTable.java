package io.kinema.train.sweep;

import java.util.Locale;

/** Lines of the table that {@code launch/sweep.sh run} and {@code status} show. */
final class SweepTable {
    static final String HEADER = String.format(
            "%-32s  %10s  %10s  %10s  %8s  %9s  %s", "point", "N", "D", "C", "steps", "rate", "held-out loss");

    private SweepTable() {}

    static String row(PlannedPoint point, ScalingPoint measured) {
        return row(point, measured.d(), measured.c())
                + String.format(Locale.ROOT, "%.6f ± %.6f", measured.loss(), measured.lossHalfWidth());
    }

    static String row(PlannedPoint point, String state) {
        return row(point, point.tokens(), point.flops()) + state;
    }

    private static String row(PlannedPoint point, double tokens, double flops) {
        return String.format(
                Locale.ROOT,
                "%-32s  %10d  %10.4g  %10.4g  %8d  %9.3g  ",
                point.name(),
                point.parameters(),
                tokens,
                flops,
                point.steps(),
                point.learningRate());
    }
}
