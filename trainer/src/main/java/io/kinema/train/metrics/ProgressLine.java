package io.kinema.train.metrics;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;

/** The line that rank 0 prints for each step. */
public final class ProgressLine {
    /** Steps whose median the time left is counted from: neither the first, slow one nor a hiccup moves it. */
    private static final int RECENT_STEPS = 21;

    private final long totalSteps;
    private final Deque<Double> recentMs = new ArrayDeque<>();

    /**
     * Begins to count.
     *
     * @param totalSteps of the run
     */
    public ProgressLine(long totalSteps) {
        this.totalSteps = totalSteps;
    }

    /**
     * Formats a step.
     *
     * @param metrics of the step
     * @return where the run stands and when it will be done
     */
    public String of(StepMetrics metrics) {
        if (recentMs.size() == RECENT_STEPS) {
            recentMs.removeFirst();
        }
        recentMs.addLast(metrics.stepMs());
        long etaSeconds = Math.round((totalSteps - metrics.step()) * medianMs() / 1000);
        String line = String.format(
                Locale.ROOT,
                "step %d/%d  loss %.4f  grad %.3f  lr %.2e  %.0f tokens/s  %.0f ms (data %.0f, comm %.0f)  ETA %s",
                metrics.step(),
                totalSteps,
                metrics.loss(),
                metrics.gradNorm(),
                metrics.learningRate(),
                metrics.tokensPerSecond(),
                metrics.stepMs(),
                metrics.dataMs(),
                metrics.commMs(),
                clock(etaSeconds));
        return metrics.skipped() ? line + "  (skipped: " + metrics.skippedBecause() + ")" : line;
    }

    /** Of two in the middle the lower one: the second step already outvotes the first. */
    private double medianMs() {
        double[] sorted =
                recentMs.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted[(sorted.length - 1) / 2];
    }

    private static String clock(long seconds) {
        return seconds >= 3600
                ? String.format(Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60)
                : String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60);
    }
}
