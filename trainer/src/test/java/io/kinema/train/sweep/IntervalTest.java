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
        // Samples that should have been 90 were 10 too high on average, so the estimate is taken to be too.
        assertEquals(new Interval(100, -5, 185), Interval.ofErrors(100, samples, 90));
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
