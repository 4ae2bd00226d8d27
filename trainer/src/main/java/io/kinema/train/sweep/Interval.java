package io.kinema.train.sweep;

import java.util.Arrays;
import java.util.Locale;

/**
 * A number and its 95 % interval.
 *
 * @param estimate the number
 * @param low in 2.5 % of cases it is below
 * @param high in 2.5 % of cases it is above
 */
record Interval(double estimate, double low, double high) {
    private static final double TAIL = 0.025;

    /** Between quantiles of what a bootstrap found. */
    static Interval ofQuantiles(double estimate, double[] samples) {
        double[] sorted = told(samples);
        return new Interval(estimate, quantile(sorted, TAIL), quantile(sorted, 1 - TAIL));
    }

    /**
     * Between quantiles of what a bootstrap found, moved by twice what it was off on average: allows for a method that
     * is off by more than noise.
     *
     * @param truth of what the samples were drawn from
     */
    static Interval ofMovedQuantiles(double estimate, double[] samples, double truth) {
        double[] sorted = told(samples);
        double mean = Arrays.stream(sorted).average().orElse(Double.NaN);
        // Once for where the samples are, which were drawn from the estimate and not from the truth, and once for where
        // the estimate is.
        double move = estimate - mean + (truth - mean);
        return new Interval(estimate, quantile(sorted, TAIL) + move, quantile(sorted, 1 - TAIL) + move);
    }

    /** Those that could be told; some may be infinite. */
    private static double[] told(double[] samples) {
        return Arrays.stream(samples)
                .filter(each -> !Double.isNaN(each))
                .sorted()
                .toArray();
    }

    /** Between the values whose ranks surround it (Hyndman and Fan, Am. Stat. 50, 1996, type 6). */
    private static double quantile(double[] sorted, double portion) {
        if (sorted.length == 0) {
            return Double.NaN;
        }
        double rank = Math.clamp(portion * (sorted.length + 1) - 1, 0, sorted.length - 1.0);
        int below = (int) rank;
        int above = Math.min(below + 1, sorted.length - 1);
        double share = rank - below;
        return share == 0 || sorted[above] == sorted[below]
                ? sorted[below]
                : (1 - share) * sorted[below] + share * sorted[above];
    }

    double width() {
        return high - low;
    }

    /** Of two intervals about one estimate that which is wider. */
    static Interval wider(Interval one, Interval other) {
        return other.width() > one.width() ? other : one;
    }

    boolean contains(double value) {
        return value >= low && value <= high;
    }

    String text() {
        return String.format(Locale.ROOT, "%.4g (%.4g to %.4g)", estimate, low, high);
    }
}
