package io.kinema.train.dist;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.Random;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FrameTest {
    private static final int OFFSET = 32;
    private static final int PAYLOAD_BYTES = 200;
    private static final int LENGTH = Frame.HEADER_BYTES + PAYLOAD_BYTES;

    private static UnsafeBuffer encoded(boolean isDirect) {
        byte[] random = new byte[OFFSET + LENGTH + 8];
        new Random(1).nextBytes(random);
        ByteBuffer direct = ByteBuffer.allocateDirect(random.length + 16).put(16, random);
        UnsafeBuffer buffer = isDirect ? new UnsafeBuffer(direct, 16, random.length) : new UnsafeBuffer(random);
        Frame frame = new Frame();
        frame.run = 0x0123_4567_89AB_CDEFL;
        frame.sequence = 1L << 40;
        frame.step = -1;
        frame.source = 70_000;
        frame.bucket = 28;
        frame.position = 5_000_000_000L;
        frame.payloadBytes = PAYLOAD_BYTES;
        frame.kindOrdinal = Frame.Kind.ALL_GATHER.ordinal();
        frame.node = 300;
        frame.totalBytes = 1L << 41;
        frame.encode(buffer, OFFSET);
        return buffer;
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldReadWhatWasWritten(boolean isDirect) {
        UnsafeBuffer buffer = encoded(isDirect);
        Frame frame = new Frame();
        assertTrue(frame.decode(buffer, OFFSET, LENGTH));
        assertTrue(frame.isSound(buffer, OFFSET));
        assertEquals(0x0123_4567_89AB_CDEFL, frame.run);
        assertEquals(1L << 40, frame.sequence);
        assertEquals(-1, frame.step);
        assertEquals(70_000, frame.source);
        assertEquals(28, frame.bucket);
        assertEquals(5_000_000_000L, frame.position);
        assertEquals(PAYLOAD_BYTES, frame.payloadBytes);
        assertEquals(Frame.Kind.ALL_GATHER, frame.kind());
        assertEquals(300, frame.node);
        assertEquals(1L << 41, frame.totalBytes);
    }

    @Test
    void shouldRejectAFrameOfWhichOneBitIsFlipped() {
        UnsafeBuffer buffer = encoded(true);
        Frame frame = new Frame();
        for (int bit = 0; bit < 8 * LENGTH; bit++) {
            int at = OFFSET + bit / 8;
            byte right = buffer.getByte(at);
            buffer.putByte(at, (byte) (right ^ 1 << bit % 8));
            assertFalse(frame.decode(buffer, OFFSET, LENGTH) && frame.isSound(buffer, OFFSET), "bit " + bit);
            buffer.putByte(at, right);
        }
    }

    @Test
    void shouldRejectAFrameOfWhosePayloadInARingOneBitIsFlipped() {
        byte[] payload = new byte[PAYLOAD_BYTES];
        new Random(2).nextBytes(payload);
        UnsafeBuffer buffer = new UnsafeBuffer(new byte[Frame.HEADER_BYTES + Long.BYTES]);
        Frame sent = new Frame();
        sent.kindOrdinal = Frame.Kind.REDUCE_SCATTER.ordinal();
        sent.payloadBytes = PAYLOAD_BYTES;
        sent.encodeShared(buffer, 0, 1L << 41, ByteBuffer.wrap(payload));
        Frame frame = new Frame();
        assertTrue(frame.decode(buffer, 0, buffer.capacity()));
        assertTrue(frame.isShared);
        assertEquals(1L << 41, frame.place);
        assertEquals(Frame.Kind.REDUCE_SCATTER, frame.kind());
        assertTrue(frame.isSound(buffer, 0, ByteBuffer.wrap(payload)));
        for (int bit = 0; bit < 8 * PAYLOAD_BYTES; bit++) {
            payload[bit / 8] ^= (byte) (1 << bit % 8);
            assertFalse(frame.isSound(buffer, 0, ByteBuffer.wrap(payload)), "bit " + bit);
            payload[bit / 8] ^= (byte) (1 << bit % 8);
        }
        for (int bit = 0; bit < 8 * Long.BYTES; bit++) {
            int at = Frame.HEADER_BYTES + bit / 8;
            byte right = buffer.getByte(at);
            buffer.putByte(at, (byte) (right ^ 1 << bit % 8));
            assertTrue(frame.decode(buffer, 0, buffer.capacity()));
            assertFalse(frame.isSound(buffer, 0, ByteBuffer.wrap(payload)), "bit " + bit + " of the place");
            buffer.putByte(at, right);
        }
    }

    @Test
    void shouldRejectAFrameThatIsLongerOrShorterThanItSays() {
        UnsafeBuffer buffer = encoded(true);
        for (int length = 0; length < LENGTH + 8; length++) {
            assertEquals(length == LENGTH, new Frame().decode(buffer, OFFSET, length), length + " bytes");
        }
    }
}
