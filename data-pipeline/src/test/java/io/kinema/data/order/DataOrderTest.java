package io.kinema.data.order;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DataOrderTest {
    private static final int BUDGET = 100;

    private static int[] clipSizes() {
        return new Random(3).ints(57, 1, BUDGET + 1).toArray();
    }

    @Test
    void shouldUseEveryClipExactlyOnceAnEpoch() {
        int[] sizes = clipSizes();
        DataOrder order = new DataOrder(11, sizes, BUDGET, 1);
        long number = 0;
        for (int epoch = 0; epoch < 5; epoch++) {
            int[] uses = new int[sizes.length];
            int used = 0;
            while (used < sizes.length) {
                assertEquals(epoch, order.epoch(number));
                int tokens = 0;
                for (int clip : order.clips(number++, 0)) {
                    uses[clip]++;
                    used++;
                    tokens += sizes[clip];
                }
                assertTrue(tokens <= BUDGET, () -> "over the budget");
            }
            assertTrue(Arrays.stream(uses).allMatch(n -> n == 1), () -> Arrays.toString(uses));
        }
    }

    @Test
    void shouldNotDependOnWhatWasAskedBefore() {
        DataOrder inOrder = new DataOrder(11, clipSizes(), BUDGET, 3);
        for (long step = 0; step < 60; step++) {
            inOrder.clips(step, 0);
        }
        for (long step : new long[] {59, 0, 31, 7}) {
            for (int v = 0; v < 3; v++) {
                assertArrayEquals(new DataOrder(11, clipSizes(), BUDGET, 3).clips(step, v), inOrder.clips(step, v));
            }
        }
    }

    @Test
    void shouldGiveTheSameMicrobatchesInSequenceWhateverTheirNumberAStep() {
        DataOrder three = new DataOrder(11, clipSizes(), BUDGET, 3);
        DataOrder one = new DataOrder(11, clipSizes(), BUDGET, 1);
        for (long number = 0; number < 99; number++) {
            assertArrayEquals(one.clips(number, 0), three.clips(number / 3, (int) (number % 3)));
        }
    }

    @Test
    void shouldShuffleDifferentlyBySeedAndEpoch() {
        int[] sizes = new int[40];
        Arrays.fill(sizes, BUDGET / 40);
        DataOrder order = new DataOrder(1, sizes, BUDGET, 1);
        assertFalse(Arrays.equals(order.clips(0, 0), order.clips(1, 0)));
        assertFalse(Arrays.equals(order.clips(0, 0), new DataOrder(2, sizes, BUDGET, 1).clips(0, 0)));
    }

    @Test
    void shouldRefuseAClipThatNoMicrobatchCanHold() {
        ConfigException e = assertThrows(ConfigException.class, () -> new DataOrder(1, new int[] {5, 101}, BUDGET, 1));
        assertTrue(e.getMessage().contains("101") && e.getMessage().contains("--tokens 100"), e.getMessage());
    }

    @Test
    void shouldCountTheTokensOfAStep() {
        DataOrder order = new DataOrder(1, new int[] {30, 30, 30}, 30, 2);
        assertEquals(60, order.tokens(0));
    }
}
