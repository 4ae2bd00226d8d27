package io.kinema.train.dist.reduction;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Bf16WireTest {
    /** What a vector is after it has travelled. */
    private static float[] travelled(float... values) {
        Bf16Wire wire = new Bf16Wire();
        short[] bf16 = new short[values.length];
        wire.of(buffer(values)).read(0, MemorySegment.ofArray(bf16));
        float[] arrived = new float[values.length];
        wire.of(buffer(arrived)).write(0, MemorySegment.ofArray(bf16));
        return arrived;
    }

    private static CollectiveBuffer buffer(float[] values) {
        return CollectiveBuffer.of(MemorySegment.ofArray(values), Float.BYTES);
    }

    @ParameterizedTest
    @CsvSource({
        // The last bit is worth 2⁻⁷ at 1: halves go to the even neighbour.
        "0x1.01p0, 0x1p0",
        "0x1.03p0, 0x1.04p0",
        "-0x1.03p0, -0x1.04p0",
        "0x1.010002p0, 0x1.02p0",
        "0x1.00fffep0, 0x1p0",
        "0x1.ffp0, 0x1p1",
        "0x1.fep127, 0x1.fep127",
        "0x1.fefffep127, 0x1.fep127",
        "0x1.ffp127, Infinity",
        "-0x1.fffffep127, -Infinity",
        "Infinity, Infinity",
        "-Infinity, -Infinity",
        "0, 0",
        "-0.0, -0.0",
        "0x1p-133, 0x1p-133",
        "0x1p-149, 0"
    })
    void shouldRoundToTheNearestAndHalvesToTheEven(String value, String expected) {
        assertEquals(
                Float.floatToRawIntBits(Float.parseFloat(expected)),
                Float.floatToRawIntBits(travelled(Float.parseFloat(value))[0]));
    }

    @Test
    void shouldKeepEveryNanOne() {
        int[] bits = {0x7fc00000, 0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff, 0x7f80ffff};
        for (int nan : bits) {
            assertTrue(Float.isNaN(travelled(Float.intBitsToFloat(nan))[0]), Integer.toHexString(nan));
        }
    }

    /** Whole vectors, so that compiled loops meet every kind of value in every lane. */
    @Test
    void shouldErrByTwoToTheMinusEightAtMost() {
        SplittableRandom random = new SplittableRandom(1);
        for (int round = 0; round < 200; round++) {
            float[] values = new float[5_001];
            for (int i = 0; i < values.length; i++) {
                values[i] = Float.intBitsToFloat(random.nextInt());
            }
            float[] arrived = travelled(values);
            for (int i = 0; i < values.length; i++) {
                double error = Math.abs((double) arrived[i] - values[i]);
                boolean overflows = Math.abs(values[i]) >= 0x1.ffp127;
                boolean isSame = Float.isNaN(values[i]) ? Float.isNaN(arrived[i]) : arrived[i] == values[i];
                assertTrue(
                        isSame
                                || overflows && arrived[i] == Math.copySign(Float.POSITIVE_INFINITY, values[i])
                                || error <= Math.max(0x1p-8 * Math.abs(values[i]), 0x1p-134),
                        values[i] + " became " + arrived[i]);
                assertEquals(0, Float.floatToRawIntBits(arrived[i]) << 16);
            }
        }
    }

    @Test
    void shouldLeaveWhatIsAroundAlone() {
        float[] values = new float[6_000];
        for (int i = 0; i < values.length; i++) {
            values[i] = i % 256;
        }
        Bf16Wire wire = new Bf16Wire();
        short[] bf16 = new short[4_500];
        wire.of(buffer(values))
                .part(700, 5_000)
                .read(300, MemorySegment.ofArray(bf16).asSlice(0, 2 * 4_400));
        float[] arrived = new float[6_000];
        wire.of(buffer(arrived)).write(1_000, MemorySegment.ofArray(bf16).asSlice(0, 2 * 4_400));
        for (int i = 0; i < values.length; i++) {
            assertEquals(i >= 1_000 && i < 5_400 ? values[i] : 0, arrived[i], "element " + i);
        }
        assertEquals(0, bf16[4_400]);
    }
}
