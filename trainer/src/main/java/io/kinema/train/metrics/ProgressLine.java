package io.kinema.train.metrics;

import java.util.Locale;

/** The line that rank 0 prints for each step. */
public final class ProgressLine {
    /** Steps that the smoothed step time looks back over. */
    private static final double MEMORY_STEPS = 20;

    private final long totalSteps;
    private double smoothedStepMs;

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
        smoothedStepMs = smoothedStepMs == 0
                ? metrics.stepMs()
                : smoothedStepMs + (metrics.stepMs() - smoothedStepMs) / MEMORY_STEPS;
        long etaSeconds = Math.round((totalSteps - metrics.step()) * smoothedStepMs / 1000);
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

    private static String clock(long seconds) {
        return seconds >= 3600
                ? String.format(Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60)
                : String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60);
    }
}
