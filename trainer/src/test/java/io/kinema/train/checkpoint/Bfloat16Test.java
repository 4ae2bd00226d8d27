package io.kinema.train.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

class Bfloat16Test {
    @Test
    void shouldKeepEveryValueThatItHas() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            float value = Bfloat16.toFloat((short) bits);
            if (Float.isNaN(value)) {
                assertTrue(Float.isNaN(Bfloat16.toFloat(Bfloat16.of(value))));
            } else {
                assertEquals((short) bits, Bfloat16.of(value));
            }
        }
    }

    @Test
    void shouldRoundToTheNearest() {
        Random random = new Random(3);
        for (int i = 0; i < 100_000; i++) {
            float value = Float.intBitsToFloat(random.nextInt());
            if (Math.abs(value) > Float.MIN_NORMAL && Math.abs(value) < Float.MAX_VALUE / 2) {
                short rounded = Bfloat16.of(value);
                double error = Math.abs((double) Bfloat16.toFloat(rounded) - value);
                for (int beside : new int[] {-1, 1}) {
                    assertTrue(error <= Math.abs((double) Bfloat16.toFloat((short) (rounded + beside)) - value));
                }
            }
        }
    }

    @Test
    void shouldRoundTiesToTheEven() {
        assertEquals(1f, Bfloat16.toFloat(Bfloat16.of(1 + 0x1p-8f)));
        assertEquals(1 + 0x1p-6f, Bfloat16.toFloat(Bfloat16.of(1 + 3 * 0x1p-8f)));
        assertEquals(-1f, Bfloat16.toFloat(Bfloat16.of(-1 - 0x1p-8f)));
    }

    @Test
    void shouldKeepWhatIsNotFinite() {
        assertEquals(Float.POSITIVE_INFINITY, Bfloat16.toFloat(Bfloat16.of(Float.MAX_VALUE)));
        assertEquals(Float.NEGATIVE_INFINITY, Bfloat16.toFloat(Bfloat16.of(Float.NEGATIVE_INFINITY)));
        // All its fraction is in the half that is cut off.
        assertTrue(Float.isNaN(Bfloat16.toFloat(Bfloat16.of(Float.intBitsToFloat(0x7f800001)))));
    }
}
