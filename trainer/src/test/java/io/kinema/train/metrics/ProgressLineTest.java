package io.kinema.train.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ProgressLineTest {
    private static String eta(ProgressLine line, long number, double stepMs) {
        String text = line.of(new StepMetrics(
                number, 0, 0.5, 1, 1e-3, 100, 1e8, stepMs, 1, 2, 1, 0, 1e4, 0.01, 0.5, 1 << 30, 0, "", "", ""));
        return text.substring(text.indexOf("ETA "));
    }

    /** Ranks that warm up take a hundred times as long for the first step as for the others. */
    @Test
    void shouldNotCountTheTimeLeftFromTheSlowFirstStep() {
        ProgressLine line = new ProgressLine(101);
        assertEquals("ETA 1:23:20", eta(line, 1, 50_000));
        assertEquals("ETA 0:50", eta(line, 2, 500));
        for (long step = 3; step <= 50; step++) {
            eta(line, step, 500);
        }
        assertEquals("ETA 0:25", eta(line, 51, 500));
    }

    @Test
    void shouldFollowWhenStepsBecomeSlowerForGoodButNotForOnce() {
        ProgressLine line = new ProgressLine(1000);
        for (long step = 1; step <= 99; step++) {
            eta(line, step, 1000);
        }
        assertEquals("ETA 15:00", eta(line, 100, 90_000));
        for (long step = 101; step <= 109; step++) {
            eta(line, step, 2000);
        }
        assertEquals("ETA 29:40", eta(line, 110, 2000));
    }
}
