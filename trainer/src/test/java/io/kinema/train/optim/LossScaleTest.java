package io.kinema.train.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The rule of PyTorch's GradScaler with its defaults. */
class LossScaleTest {
    private static LossScale afterUpdates(LossScale scale, int count) {
        LossScale now = scale;
        for (int i = 0; i < count; i++) {
            now = now.afterUpdate();
        }
        return now;
    }

    @Test
    void shouldDoubleAfterTwoThousandGoodStepsInARow() {
        assertEquals(new LossScale(65_536, 1999), afterUpdates(LossScale.INITIAL, 1999));
        assertEquals(new LossScale(131_072, 0), afterUpdates(LossScale.INITIAL, 2000));
        assertEquals(new LossScale(262_144, 1), afterUpdates(LossScale.INITIAL, 4001));
    }

    @Test
    void shouldHalveAtOnceAndCountAgainFromZero() {
        LossScale once = afterUpdates(LossScale.INITIAL, 1999).afterOverflow();
        assertEquals(new LossScale(32_768, 0), once);
        assertEquals(new LossScale(16_384, 0), once.afterOverflow());
        assertEquals(new LossScale(32_768, 1999), afterUpdates(once, 1999));
        assertEquals(new LossScale(65_536, 0), afterUpdates(once, 2000));
    }

    @Test
    void shouldNotGrowBeyondFp32() {
        LossScale largest = new LossScale(0x1p127, 1999);
        assertEquals(new LossScale(0x1p127, 0), largest.afterUpdate());
        assertEquals(new LossScale(0x1p127, 0), new LossScale(0x1p126, 1999).afterUpdate());
    }

    @Test
    void shouldGiveUpBelowTheFloor() {
        LossScale scale = LossScale.INITIAL;
        for (int i = 0; i < 30; i++) {
            assertFalse(scale.isTooSmall(), scale.toString());
            scale = scale.afterOverflow();
        }
        assertEquals(0x1p-14, scale.factor());
        assertFalse(scale.isTooSmall());
        assertTrue(scale.afterOverflow().isTooSmall());
    }
}
