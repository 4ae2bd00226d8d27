package io.kinema.train.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
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

    @Test
    void shouldRoundVectorsToTheSameBitsAsValues() {
        Random random = new Random(4);
        int[] special = {0x7f800001, 0xff80ffff, 0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 0x80000000, 0x8000, 0};
        int lanes = Bfloat16.FLOATS.length();
        for (int i = 0; i < 10_000; i++) {
            float[] values = new float[lanes];
            for (int lane = 0; lane < lanes; lane++) {
                boolean isSpecial = random.nextInt(4) == 0;
                values[lane] =
                        Float.intBitsToFloat(isSpecial ? special[random.nextInt(special.length)] : random.nextInt());
            }
            ShortVector rounded = Bfloat16.of(FloatVector.fromArray(Bfloat16.FLOATS, values, 0));
            FloatVector widened = Bfloat16.toFloats(rounded);
            for (int lane = 0; lane < lanes; lane++) {
                short expected = Bfloat16.of(values[lane]);
                assertEquals(expected, rounded.lane(lane));
                assertEquals(
                        Float.floatToRawIntBits(Bfloat16.toFloat(expected)),
                        Float.floatToRawIntBits(widened.lane(lane)));
            }
        }
    }
}
