package io.kinema.train.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SpikesTest {
    private static final double NORM = 2;

    /** Losses around 1 with a deviation of about 0.1, and norms that hardly move. */
    private static Spikes after(int steps) {
        Random random = new Random(5);
        Spikes spikes = Spikes.NONE;
        for (int i = 0; i < steps; i++) {
            spikes = spikes.afterUpdate(1 + 0.1 * random.nextGaussian(), NORM + 1e-3 * random.nextGaussian());
        }
        return spikes;
    }

    @Test
    void shouldKnowTheWeightedMeanAndVarianceWithoutBias() {
        double decay = 1 - 1.0 / Spikes.WINDOW;
        Random random = new Random(5);
        Spikes spikes = Spikes.NONE;
        double[] values = new double[250];
        for (int n = 1; n <= values.length; n++) {
            values[n - 1] = 1e6 + random.nextGaussian();
            spikes = spikes.afterUpdate(values[n - 1], 0);
            double weights = 0;
            double sum = 0;
            for (int i = 0; i < n; i++) {
                weights += Math.pow(decay, n - 1 - i);
                sum += Math.pow(decay, n - 1 - i) * values[i];
            }
            double mean = sum / weights;
            double squares = 0;
            for (int i = 0; i < n; i++) {
                squares += Math.pow(decay, n - 1 - i) * (values[i] - mean) * (values[i] - mean);
            }
            assertEquals(mean, spikes.loss().mean(), 1e-9 * mean);
            assertEquals(squares / weights, spikes.loss().variance(), 1e-6);
        }
        assertEquals(1, spikes.loss().variance(), 0.3);
    }

    @Test
    void shouldJudgeOnceItKnowsWhatIsUsual() {
        assertEquals(Optional.empty(), after(Spikes.FIRST_JUDGED - 1).judge(3, 100, 100));
        assertTrue(after(Spikes.FIRST_JUDGED).judge(3, 100, NORM).isPresent());
    }

    @Test
    void shouldSayWhichValueIsTooFarAboveItsMean() {
        Spikes spikes = after(200);
        double deviation = Math.sqrt(spikes.loss().variance());
        double mean = spikes.loss().mean();
        assertEquals(
                Optional.empty(),
                spikes.judge(3, mean + 2.9 * deviation, spikes.gradNorm().mean()));
        String loss = spikes.judge(3, mean + 4.5 * deviation, 100).orElseThrow();
        assertTrue(loss.startsWith("loss 1.") && loss.contains(" is 4.5 deviations above its mean "), loss);
        String norm = spikes.judge(3, mean, 2.5).orElseThrow();
        assertTrue(norm.startsWith("gradient norm 2.500 is ") && norm.endsWith(" above its mean 2.000"), norm);
    }

    @Test
    void shouldNotMindASuddenFall() {
        assertEquals(Optional.empty(), after(200).judge(3, 0.01, 0.01));
    }

    @Test
    void shouldLearnNothingFromSpikesAndCountThoseInARow() {
        Spikes before = after(200).atCheckpoint(200);
        Spikes one = before.afterSkip();
        assertEquals(before.loss(), one.loss());
        assertEquals(before.gradNorm(), one.gradNorm());
        assertFalse(one.afterSkip().mustReturn());
        assertTrue(one.afterSkip().afterSkip().mustReturn());
        Spikes interrupted = one.afterSkip().afterUpdate(1, NORM);
        assertFalse(interrupted.afterSkip().afterSkip().mustReturn());
    }

    @Test
    void shouldGoBackToTheLastCheckpointThatIsNotAmongSpikes() {
        Spikes row = after(200).atCheckpoint(200).afterSkip();
        assertEquals(200, row.atCheckpoint(201).checkpoint());
        assertEquals(202, row.afterUpdate(1, NORM).atCheckpoint(202).checkpoint());
        assertFalse(after(200).canReturn(), "there is no checkpoint yet");
        assertFalse(row.inAnotherRun().canReturn(), "it is another run's");
    }

    @Test
    void shouldGoBackToACheckpointThreeTimesAtMost() {
        Spikes then = after(100).atCheckpoint(100);
        Spikes now = then.afterUpdate(0.5, NORM);
        for (int i = 0; i < 3; i++) {
            now = now.afterSkip().afterSkip().afterSkip();
            assertTrue(now.mustReturn() && now.canReturn(), "return " + i);
            now = now.afterReturn(then);
            assertEquals(then.loss(), now.loss());
            assertEquals(100, now.steps());
            assertFalse(now.mustReturn());
        }
        assertFalse(now.canReturn());
        assertTrue(now.afterUpdate(1, NORM).atCheckpoint(150).canReturn());
    }
}
