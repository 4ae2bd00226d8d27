package io.kinema.train.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What operations take of the host, and what devices keep of that. */
class DeviceCopiesTest {
    private static int[] copy(DeviceCopies copies, Object device, AtomicInteger made) {
        return copies.of(device, int[].class, () -> new int[] {made.incrementAndGet()});
    }

    @Test
    void shouldMakeACopyOnceForEachDevice() {
        AtomicInteger made = new AtomicInteger();
        Object one = new Object();
        Object other = new Object();
        Segments segments = Segments.ofLengths(2, 3);
        int[] copy = copy(segments.copies(), one, made);
        assertSame(copy, copy(segments.copies(), one, made));
        assertNotSame(copy, copy(segments.copies(), other, made));
        assertEquals(2, made.get());
        copy(Segments.ofLengths(2, 3).copies(), one, made);
        assertEquals(3, made.get());
    }

    @Test
    void shouldNotChangeWithTheArrayThatItWasMadeOf() {
        int[] rows = {1, 2};
        double[] factors = {0.5, 2};
        RowIds ids = RowIds.of(rows);
        SegmentWeights weights = SegmentWeights.of(factors);
        rows[0] = 7;
        factors[0] = 7;
        ids.toArray()[1] = 7;
        assertEquals(1, ids.get(0));
        assertEquals(2, ids.get(1));
        assertEquals(0.5, weights.get(0));
    }

    @Test
    void shouldRefuseWhatIsNoRowAndWhatFitsNoTable() {
        assertThrows(IllegalArgumentException.class, RowIds::of);
        assertThrows(IllegalArgumentException.class, () -> RowIds.of(3, -1));
        IllegalArgumentException e = assertThrows(
                IllegalArgumentException.class, () -> SegmentWeights.of(1, 2, 3).requireFit(Segments.ofLengths(4, 5)));
        assertTrue(e.getMessage().contains("3 weights for 2 segments"), e.getMessage());
    }
}
