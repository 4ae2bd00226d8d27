package io.kinema.train.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kinema.train.optim.LearningRate.Schedule;
import org.junit.jupiter.api.Test;

class LearningRateTest {

    @Test
    void shouldRiseLinearlyAndStay() {
        LearningRate rate = new LearningRate(0.4, 4, 100, Schedule.CONSTANT);
        assertEquals(0.1, rate.at(0), 1e-15);
        assertEquals(0.4, rate.at(3), 1e-15);
        assertEquals(0.4, rate.at(4), 1e-15);
        assertEquals(0.4, rate.at(99), 1e-15);
    }

    @Test
    void shouldFallAlongHalfACosine() {
        LearningRate rate = new LearningRate(0.4, 10, 110, Schedule.COSINE);
        assertEquals(0.4, rate.at(10), 1e-15);
        assertEquals(0.2, rate.at(60), 1e-15);
        assertEquals(0.4 * 0.5 * (1 + Math.cos(Math.PI * 0.75)), rate.at(85), 1e-15);
        assertEquals(0, rate.at(110), 1e-15);
    }

    @Test
    void shouldNeedNoWarmup() {
        assertEquals(0.4, new LearningRate(0.4, 0, 10, Schedule.COSINE).at(0), 1e-15);
    }
}
