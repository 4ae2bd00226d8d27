package io.kinema.train.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterLayout.Init;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Stretch;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class ParameterLayoutTest {
    @Test
    void shouldCountBeyondAnInt() {
        ParameterLayout layout = new ParameterLayout();
        layout.begin("large");
        layout.add("square", Init.ZEROS, ParameterAttributes.DECAYED, 70_000, 50_000);
        layout.add("bias", Init.ZEROS, ParameterAttributes.DECAYED, 3);
        layout.begin("small");
        Entry last = layout.add("last", Init.ZEROS, ParameterAttributes.DECAYED, 2);
        assertEquals(3_500_000_005L, layout.numElements());
        Group large = layout.groups().getFirst();
        assertEquals(3_500_000_000L, large.entries().getFirst().size());
        assertEquals(3_500_000_000L, large.entries().getLast().offset());
        assertTrue(large.size() >= 3_500_000_003L && large.size() % Device.SHARD_ALIGNMENT == 0, large::toString);
        assertEquals(large.size(), last.offset());
        assertEquals(large.size() + Device.SHARD_ALIGNMENT, layout.flatSize());
    }

    @Test
    void shouldCutAnyRangeWhereAttributesChange() {
        for (Group group : MixedLayout.layout().groups()) {
            for (long from = 0; from < group.size(); from += Device.SHARD_ALIGNMENT) {
                for (long to = from + Device.SHARD_ALIGNMENT; to <= group.size(); to += Device.SHARD_ALIGNMENT) {
                    checkStretches(group, from, to);
                }
            }
            assertEquals(List.of(), group.stretches(Device.SHARD_ALIGNMENT, 0));
        }
    }

    private static void checkStretches(Group group, long from, long to) {
        List<Stretch> stretches = group.stretches(from, to - from);
        long end = 0;
        ParameterAttributes before = null;
        for (Stretch stretch : stretches) {
            assertEquals(end, stretch.offset());
            assertNotEquals(before, stretch.attributes());
            for (long i = stretch.offset(); i < stretch.end(); i++) {
                assertEquals(of(group, from + i), stretch.attributes(), "element " + (from + i) + " of " + group);
            }
            end = stretch.end();
            before = stretch.attributes();
        }
        assertEquals(to - from, end);
    }

    private static ParameterAttributes of(Group group, long element) {
        for (Entry entry : group.entries()) {
            if (element < entry.offset() - group.offset() + entry.size()) {
                return entry.attributes();
            }
        }
        return group.entries().getLast().attributes();
    }

    @Test
    void shouldStartInPiecesAsAtOnce() {
        for (Entry entry : MixedLayout.layout().entries()) {
            int size = (int) entry.size();
            float[] whole = ParameterLayout.initial(9, entry, 0, size);
            float[] pieces = new float[size];
            for (int first = 0; first < size; first += 12) {
                int count = Math.min(12, size - first);
                System.arraycopy(ParameterLayout.initial(9, entry, first, count), 0, pieces, first, count);
            }
            assertArrayEquals(whole, pieces, entry.name());
        }
    }

    @Test
    void shouldStartEachParameterOfAGroupWhereItStands() {
        Group group = MixedLayout.layout().groups().getLast();
        float[] values = new float[Math.toIntExact(group.size())];
        ParameterLayout.initialise(9, group, MemorySegment.ofArray(values));
        for (Entry entry : group.entries()) {
            int from = (int) (entry.offset() - group.offset());
            float[] expected = ParameterLayout.initial(9, entry, 0, (int) entry.size());
            assertArrayEquals(expected, Arrays.copyOfRange(values, from, from + expected.length), entry.name());
        }
        int filling = (int)
                (group.entries().getLast().offset() + group.entries().getLast().size() - group.offset());
        assertArrayEquals(new float[values.length - filling], Arrays.copyOfRange(values, filling, values.length));
    }
}
