package io.kinema.train.dist.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharedRingTest {
    @TempDir
    Path directory;

    private record Written(long position, int bytes, byte value) {}

    private static void check(SharedRing reader, Written payload) {
        for (int i = 0; i < payload.bytes; i++) {
            assertEquals(
                    payload.value,
                    reader.memory(payload.position, payload.bytes).get(ValueLayout.JAVA_BYTE, i));
            assertEquals(
                    payload.value,
                    reader.buffer(payload.position, payload.bytes).get(i));
        }
    }

    @Test
    void shouldKeepEveryPayloadUntilItIsGivenUp() throws Exception {
        Path file = SharedRing.file(directory, -1, 0, 1);
        Random random = new Random(1);
        Deque<Written> unread = new ArrayDeque<>();
        int numFull = 0;
        try (SharedRing writer = SharedRing.create(file);
                SharedRing reader = SharedRing.open(file)) {
            for (int n = 0; n < 300; n++) {
                int bytes = 1 + random.nextInt(SharedRing.BYTES / 4);
                long position = writer.room(bytes);
                while (position < 0) {
                    numFull++;
                    Written oldest = unread.removeFirst();
                    check(reader, oldest);
                    reader.giveUp(SharedRing.end(oldest.position, oldest.bytes));
                    position = writer.room(bytes);
                }
                assertTrue(SharedRing.hasPlace(position, bytes));
                writer.memory(position, bytes).fill((byte) n);
                writer.write(position, bytes);
                unread.add(new Written(position, bytes, (byte) n));
            }
            unread.forEach(payload -> check(reader, payload));
            assertTrue(numFull > 100 && unread.size() > 1, numFull + " times full, " + unread.size() + " unread");
        }
    }

    @Test
    void shouldTakeAPayloadAsLongAsItself() throws Exception {
        try (SharedRing writer = SharedRing.create(SharedRing.file(directory, 1, 0, 1))) {
            assertEquals(0, writer.room(SharedRing.BYTES));
            writer.write(0, SharedRing.BYTES);
            assertEquals(-1, writer.room(1));
            writer.giveUp(SharedRing.BYTES);
            assertEquals(SharedRing.BYTES, writer.room(1));
        }
    }

    @Test
    void shouldKnowWhatHasNoPlace() {
        assertTrue(SharedRing.hasPlace(SharedRing.BYTES * 5L, SharedRing.BYTES));
        assertFalse(SharedRing.hasPlace(SharedRing.BYTES * 5L + 64, SharedRing.BYTES));
        assertFalse(SharedRing.hasPlace(-64, 64));
        assertFalse(SharedRing.hasPlace(0, -1));
        assertFalse(SharedRing.hasPlace(64, Integer.MAX_VALUE));
    }

    @Test
    void shouldRefuseAFileOfAnotherLength() throws Exception {
        Path file = Files.write(directory.resolve("short"), new byte[100]);
        IOException e = assertThrows(IOException.class, () -> SharedRing.open(file));
        assertEquals(file + " has 100 bytes instead of " + SharedRing.FILE_BYTES, e.getMessage());
    }
}
