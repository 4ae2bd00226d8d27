package io.kinema.benchmarks;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class KnownSumsTest {
    private static final int ELEMENTS = 64;
    private static final int RANKS = 5;

    @Test
    void shouldAcceptTheSumOfAllRanks() {
        assertDoesNotThrow(() -> KnownSums.check(MemorySegment.ofArray(sum(0, RANKS)), RANKS));
    }

    @Test
    void shouldRejectASumThatIsNotThat() {
        float[] flipped = sum(0, RANKS);
        flipped[63]++;
        IOException e = rejection(flipped);
        assertEquals("element 63 of the sum of 5 ranks is 16.0 instead of 15.0", e.getMessage());
        rejection(sum(1, RANKS));
        rejection(sum(0, RANKS - 1));
        float[] shifted = sum(0, RANKS);
        System.arraycopy(shifted, 0, shifted, 16, 16);
        rejection(shifted);
        rejection(new float[ELEMENTS]);
    }

    private static IOException rejection(float[] values) {
        return assertThrows(IOException.class, () -> KnownSums.check(MemorySegment.ofArray(values), RANKS));
    }

    private static float[] sum(int from, int to) {
        float[] sum = new float[ELEMENTS];
        float[] values = new float[ELEMENTS];
        for (int rank = from; rank < to; rank++) {
            KnownSums.fill(MemorySegment.ofArray(values), rank);
            for (int i = 0; i < ELEMENTS; i++) {
                sum[i] += values[i];
            }
        }
        return sum;
    }
}
