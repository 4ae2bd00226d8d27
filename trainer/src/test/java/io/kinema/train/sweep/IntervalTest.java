package io.kinema.train.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class IntervalTest {
    @Test
    void shouldLeaveOneInFortyOutOnEachSide() {
        double[] samples = IntStream.rangeClosed(1, 199).mapToDouble(i -> i).toArray();
        assertEquals(new Interval(100, 5, 195), Interval.ofQuantiles(100, samples));
    }

    @Test
    void shouldMoveByWhatSamplesAreOff() {
        // A long tail upwards stays one.
        double[] samples =
                IntStream.rangeClosed(1, 199).mapToDouble(i -> 10.0 * i * i).toArray();
        double mean = 10.0 * 200 * 399 / 6;
        Interval interval = Interval.ofMovedQuantiles(mean - 5, samples, mean - 20);
        // They should have been 20 less on average, so the estimate, which is 5 less than they, is taken to be 20 too
        // high.
        assertEquals(250 - 25, interval.low(), 1e-6);
        assertEquals(380_250 - 25, interval.high(), 1e-6);
    }

    @Test
    void shouldReachToInfinityWhereManySamplesDo() {
        double[] samples = IntStream.rangeClosed(1, 199)
                .mapToDouble(i -> i > 180 ? Double.POSITIVE_INFINITY : i)
                .toArray();
        assertTrue(Double.isInfinite(Interval.ofQuantiles(100, samples).high()));
        assertEquals(5, Interval.ofQuantiles(100, samples).low());
    }

    @Test
    void shouldLeaveOutWhatCouldNotBeTold() {
        double[] samples = IntStream.rangeClosed(1, 299)
                .mapToDouble(i -> i > 199 ? Double.NaN : i)
                .toArray();
        assertEquals(new Interval(100, 5, 195), Interval.ofQuantiles(100, samples));
    }
}
