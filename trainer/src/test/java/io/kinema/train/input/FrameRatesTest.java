package io.kinema.train.input;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class FrameRatesTest {
    @Test
    void shouldWarnOfRatesThatDifferAndNotOfImages() {
        FrameRates rates = FrameRates.NONE.with(1, 1).with(8, 24).with(8, 23.976);
        assertTrue(rates.text().isEmpty());
        assertTrue(FrameRates.NONE.text().isEmpty());
        String warning = rates.with(8, 8).text().orElseThrow();
        assertEquals(
                "warning: the clips have 8 to 24 frames a second, and the model is told none; give all the same by"
                        + " launch/prepare.sh --fps",
                warning.replace("8.000", "8").replace("24.00", "24"));
    }
}
