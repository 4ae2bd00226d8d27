package io.kinema.train.dist.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SegmentHeaderTest {
    private static final int FROM = 7;

    private static ByteBuffer written(int length) {
        SegmentHeader header = new SegmentHeader();
        header.datagram = -5;
        header.total = 63_488;
        header.offset = 62_000;
        header.length = length;
        ByteBuffer to = SegmentHeader.allocate();
        header.write(to, ByteBuffer.wrap(bytes()), FROM);
        return to;
    }

    private static byte[] bytes() {
        byte[] bytes = new byte[2_000];
        new Random(1).nextBytes(bytes);
        return bytes;
    }

    @Test
    void shouldReadWhatWasWritten() {
        ByteBuffer segment = written(1_488);
        SegmentHeader header = new SegmentHeader();
        assertEquals(SegmentHeader.BYTES + 1_488, segment.position());
        assertTrue(header.read(segment, 0, segment.position()));
        assertEquals(-5, header.datagram);
        assertEquals(63_488, header.total);
        assertEquals(62_000, header.offset);
        assertEquals(1_488, header.length);
        byte[] bytes = bytes();
        for (int i = 0; i < header.length; i++) {
            assertEquals(bytes[FROM + i], segment.get(SegmentHeader.BYTES + i));
        }
    }

    @Test
    void shouldRejectWhatIsNoWholeSegmentOfADatagram() {
        SegmentHeader header = new SegmentHeader();
        ByteBuffer segment = written(1_488);
        for (int limit = 0; limit < segment.position(); limit++) {
            assertFalse(header.read(segment, 0, limit), limit + " bytes");
        }
        ByteBuffer beyond = written(1_489);
        assertFalse(header.read(beyond, 0, beyond.position()));
        ByteBuffer foreign = written(1_488).put(10, (byte) 0);
        assertFalse(header.read(foreign, 0, foreign.position()));
        ByteBuffer empty = written(0);
        assertFalse(header.read(empty, 0, empty.position() + 100));
    }
}
