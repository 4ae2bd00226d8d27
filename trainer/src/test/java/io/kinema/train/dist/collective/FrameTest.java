package io.kinema.train.dist.collective;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.dist.rendezvous.Secret;
import java.nio.ByteBuffer;
import java.util.Random;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FrameTest {
    private static final int OFFSET = 32;
    private static final int PAYLOAD_BYTES = 200;
    private static final FrameTag NO_TAG = FrameTag.of(Secret.NONE, 0, 1);
    private static final int LENGTH = Frame.HEADER_BYTES + PAYLOAD_BYTES;

    private static UnsafeBuffer encoded(boolean isDirect) {
        return encoded(isDirect, NO_TAG);
    }

    private static UnsafeBuffer encoded(boolean isDirect, FrameTag tag) {
        byte[] random = new byte[OFFSET + LENGTH + FrameTag.BYTES + 8];
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
        frame.kindOrdinal = Frame.FrameKind.ALL_GATHER.ordinal();
        frame.coverNodeIndex = 300;
        frame.totalBytes = 1L << 41;
        frame.encode(buffer, OFFSET, tag);
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
        assertEquals(Frame.FrameKind.ALL_GATHER, frame.kind());
        assertEquals(300, frame.coverNodeIndex);
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
        sent.kindOrdinal = Frame.FrameKind.REDUCE_SCATTER.ordinal();
        sent.payloadBytes = PAYLOAD_BYTES;
        sent.encodeShared(buffer, 0, 1L << 41, ByteBuffer.wrap(payload), NO_TAG);
        Frame frame = new Frame();
        assertTrue(frame.decode(buffer, 0, buffer.capacity()));
        assertTrue(frame.isShared);
        assertEquals(1L << 41, frame.place);
        assertEquals(Frame.FrameKind.REDUCE_SCATTER, frame.kind());
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

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldKnowTheTagOfItsSenderAlone(boolean isDirect) {
        Secret session = Secret.of(new byte[] {1, 2, 3});
        FrameTag tag = FrameTag.of(session, 0, 1);
        UnsafeBuffer buffer = encoded(isDirect, tag);
        Frame frame = new Frame();
        assertFalse(frame.decode(buffer, OFFSET, LENGTH));
        assertTrue(frame.decode(buffer, OFFSET, LENGTH + FrameTag.BYTES));
        assertTrue(frame.isSound(buffer, OFFSET));
        assertEquals(Frame.FrameKind.ALL_GATHER, frame.kind());
        assertTrue(frame.isOf(tag, buffer, OFFSET));
        assertTrue(frame.isOf(FrameTag.of(session, 0, 1), buffer, OFFSET));
        assertFalse(frame.isOf(FrameTag.of(session, 1, 0), buffer, OFFSET), "of the way back");
        assertFalse(frame.isOf(FrameTag.of(session, 0, 2), buffer, OFFSET), "for another rank");
        assertFalse(frame.isOf(FrameTag.of(Secret.of(new byte[] {1, 2, 4}), 0, 1), buffer, OFFSET), "of another start");
        assertFalse(frame.isOf(NO_TAG, buffer, OFFSET), "in a run without a secret");
        for (int bit = 0; bit < 8 * (LENGTH + FrameTag.BYTES); bit++) {
            int at = OFFSET + bit / 8;
            byte right = buffer.getByte(at);
            buffer.putByte(at, (byte) (right ^ 1 << bit % 8));
            assertFalse(frame.isOf(tag, buffer, OFFSET), "bit " + bit);
            buffer.putByte(at, right);
        }
    }

    @Test
    void shouldNotTakeAFrameWithoutATagWhereThereIsASecret() {
        UnsafeBuffer buffer = encoded(true);
        Frame frame = new Frame();
        assertTrue(frame.decode(buffer, OFFSET, LENGTH));
        assertTrue(frame.isOf(NO_TAG, buffer, OFFSET));
        assertFalse(frame.isOf(FrameTag.of(Secret.of(new byte[] {1}), 0, 1), buffer, OFFSET));
    }

    @Test
    void shouldTagTheHeaderOfAPayloadInARing() {
        FrameTag tag = FrameTag.of(Secret.of(new byte[] {1, 2, 3}), 0, 1);
        UnsafeBuffer buffer = new UnsafeBuffer(new byte[Frame.HEADER_BYTES + Long.BYTES + FrameTag.BYTES]);
        Frame frame = new Frame();
        frame.kindOrdinal = Frame.FrameKind.REDUCE_SCATTER.ordinal();
        frame.payloadBytes = PAYLOAD_BYTES;
        frame.encodeShared(buffer, 0, 64, ByteBuffer.allocate(PAYLOAD_BYTES), tag);
        assertTrue(frame.decode(buffer, 0, buffer.capacity()));
        assertTrue(frame.isShared && frame.isOf(tag, buffer, 0));
        buffer.putByte(Frame.HEADER_BYTES, (byte) 65);
        assertFalse(frame.isOf(tag, buffer, 0), "another place");
        buffer.putByte(Frame.HEADER_BYTES, (byte) 64);
        buffer.putByte(0, (byte) ~buffer.getByte(0));
        assertFalse(frame.isOf(tag, buffer, 0), "another CRC32C");
    }
}
