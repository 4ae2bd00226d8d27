package io.kinema.data.shard;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class MeasurementsTest {
    @Test
    void shouldMeasureMotionBetweenFramesAndBrightnessOfAll() {
        byte[] blackThenWhite = {0, 0, 0, (byte) 255, (byte) 255, (byte) 255};
        assertEquals(new Measurements(1, 0.5), Measurements.of(blackThenWhite, 2));
        assertEquals(new Measurements(0, 0.5), Measurements.of(blackThenWhite, 1));
        assertEquals(new Measurements(0, 1), Measurements.of(new byte[] {-1, -1, -1, -1, -1, -1}, 2));
        assertEquals(
                0.2,
                Measurements.of(new byte[] {0, 0, 0, 51, 51, 51, 102, 102, 102}, 3)
                        .motion(),
                1e-12);
    }
}
