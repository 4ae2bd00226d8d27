package io.kinema.train.dist.collective;

import io.kinema.train.dist.transport.SharedRing;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;

/**
 * The header of a message between ranks, followed by its payload. All fields are little-endian:
 *
 * <pre>
 *  0 int   CRC32C                of all that follows but the tag, the payload included
 *  4 int   magic and version     "KNM" 4
 *  8 long  run                   first 8 bytes of the run id's SHA-256
 * 16 long  sequence              number of the collective on its rank, from 0
 * 24 long  step                  the label's step
 * 32 int   source                sending rank
 * 36 int   bucket                the label's part of the vector
 * 40 long  position              where the payload belongs, from the start of the shard or message:
 *                                elements of a vector, bytes of a message
 * 48 int   payload bytes
 * 52 short kind                  ordinal of {@link FrameKind};
 *                                0x4000 more where the payload is in a {@link SharedRing}: then a long follows,
 *                                its place there;
 *                                0x2000 more where a {@link FrameTag} of 16 bytes is the end of the message
 * 54 short node                  index of the cover node among the sender's; 0 where there are none
 * 56 long  total bytes           that this sender sends to this receiver in this collective
 * </pre>
 *
 * <p>Payloads of vectors are in native byte order; every platform that Kinema runs on is little-endian.
 */
final class Frame {
    static final int HEADER_BYTES = 64;
    private static final int MAGIC = 0x04_4D_4E_4B;
    private static final int SHARED = 0x4000;
    private static final int TAGGED = 0x2000;

    /** What kind of collective a frame belongs to. */
    enum FrameKind {
        REDUCE_SCATTER("reduce-scatter"),
        ALL_GATHER("all-gather"),
        EXCHANGE("exchange of messages"),
        BARRIER("barrier"),
        BROADCAST("broadcast");

        private static final FrameKind[] KINDS = values();
        private final String text;

        FrameKind(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    private final CRC32C crc = new CRC32C();

    int checksum;
    long run;
    long sequence;
    long step;
    int source;
    int bucket;
    long position;
    int payloadBytes;
    int kindOrdinal;
    int coverNodeIndex;
    long totalBytes;
    /** Whether the payload is in a ring. */
    boolean isShared;
    /** Where in the ring. */
    long place;
    /** Whether a tag follows. */
    boolean isTagged;

    /** Writes the header before a payload that is there already, and the tag behind it. */
    void encode(MutableDirectBuffer buffer, int offset, FrameTag tag) {
        isShared = false;
        isTagged = tag.bytes() > 0;
        encodeFields(buffer, offset);
        checksum = checksumOf(buffer, offset, payloadBytes);
        buffer.putInt(offset, checksum, ByteOrder.LITTLE_ENDIAN);
        tag.write(buffer, offset, HEADER_BYTES + payloadBytes);
    }

    /** Writes the header, and the tag, of a payload that is in a ring already. */
    void encodeShared(MutableDirectBuffer buffer, int offset, long placeInRing, ByteBuffer payload, FrameTag tag) {
        isShared = true;
        isTagged = tag.bytes() > 0;
        place = placeInRing;
        encodeFields(buffer, offset);
        buffer.putLong(offset + HEADER_BYTES, place, ByteOrder.LITTLE_ENDIAN);
        checksum = checksumOf(buffer, offset, payload);
        buffer.putInt(offset, checksum, ByteOrder.LITTLE_ENDIAN);
        tag.write(buffer, offset, HEADER_BYTES + Long.BYTES);
    }

    private void encodeFields(MutableDirectBuffer buffer, int offset) {
        buffer.putInt(offset + 4, MAGIC, ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(offset + 8, run, ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(offset + 16, sequence, ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(offset + 24, step, ByteOrder.LITTLE_ENDIAN);
        buffer.putInt(offset + 32, source, ByteOrder.LITTLE_ENDIAN);
        buffer.putInt(offset + 36, bucket, ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(offset + 40, position, ByteOrder.LITTLE_ENDIAN);
        buffer.putInt(offset + 48, payloadBytes, ByteOrder.LITTLE_ENDIAN);
        int kind = kindOrdinal | (isShared ? SHARED : 0) | (isTagged ? TAGGED : 0);
        buffer.putShort(offset + 52, (short) kind, ByteOrder.LITTLE_ENDIAN);
        buffer.putShort(offset + 54, (short) coverNodeIndex, ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(offset + 56, totalBytes, ByteOrder.LITTLE_ENDIAN);
    }

    /** The sequence number of a header. */
    static long sequenceAt(DirectBuffer buffer, int offset) {
        return buffer.getLong(offset + 16, ByteOrder.LITTLE_ENDIAN);
    }

    /** Reads a header; false when the bytes are no frame of this version or their length is not what it says. */
    boolean decode(DirectBuffer buffer, int offset, int length) {
        if (length < HEADER_BYTES || buffer.getInt(offset + 4, ByteOrder.LITTLE_ENDIAN) != MAGIC) {
            return false;
        }
        checksum = buffer.getInt(offset, ByteOrder.LITTLE_ENDIAN);
        run = buffer.getLong(offset + 8, ByteOrder.LITTLE_ENDIAN);
        sequence = sequenceAt(buffer, offset);
        step = buffer.getLong(offset + 24, ByteOrder.LITTLE_ENDIAN);
        source = buffer.getInt(offset + 32, ByteOrder.LITTLE_ENDIAN);
        bucket = buffer.getInt(offset + 36, ByteOrder.LITTLE_ENDIAN);
        position = buffer.getLong(offset + 40, ByteOrder.LITTLE_ENDIAN);
        payloadBytes = buffer.getInt(offset + 48, ByteOrder.LITTLE_ENDIAN);
        int kind = buffer.getShort(offset + 52, ByteOrder.LITTLE_ENDIAN);
        isShared = (kind & SHARED) != 0;
        isTagged = (kind & TAGGED) != 0;
        kindOrdinal = kind & ~(SHARED | TAGGED);
        coverNodeIndex = buffer.getShort(offset + 54, ByteOrder.LITTLE_ENDIAN);
        totalBytes = buffer.getLong(offset + 56, ByteOrder.LITTLE_ENDIAN);
        if (bytesInFrame() + (isTagged ? FrameTag.BYTES : 0) != length - HEADER_BYTES) {
            return false;
        }
        place = isShared ? buffer.getLong(offset + HEADER_BYTES, ByteOrder.LITTLE_ENDIAN) : 0;
        return kindOrdinal >= 0 && kindOrdinal < FrameKind.KINDS.length;
    }

    /** Whether a frame that was read from there is as it was sent; its payload is in it. */
    boolean isSound(DirectBuffer buffer, int offset) {
        return checksum == checksumOf(buffer, offset, payloadBytes);
    }

    /** Whether a frame that was read from there is as it was sent, and its payload in the ring. */
    boolean isSound(DirectBuffer buffer, int offset, ByteBuffer payload) {
        return checksum == checksumOf(buffer, offset, payload);
    }

    /**
     * Whether a frame that was read from there comes from a rank that knows the secret; a payload in a ring is covered
     * by its checksum, which is in the header.
     */
    boolean isOf(FrameTag tag, DirectBuffer buffer, int offset) {
        return isTagged == tag.bytes() > 0 && tag.isRight(buffer, offset, HEADER_BYTES + bytesInFrame());
    }

    private int bytesInFrame() {
        return isShared ? Long.BYTES : payloadBytes;
    }

    private int checksumOf(DirectBuffer buffer, int offset, ByteBuffer payload) {
        checksumOf(buffer, offset, Long.BYTES);
        crc.update(payload);
        return (int) crc.getValue();
    }

    private int checksumOf(DirectBuffer buffer, int offset, int bytesInFrame) {
        int from = offset + Integer.BYTES;
        int length = HEADER_BYTES - Integer.BYTES + bytesInFrame;
        crc.reset();
        crc.update(bytes(buffer, from, length));
        return (int) crc.getValue();
    }

    /** A view of bytes, wherever they are. */
    static ByteBuffer bytes(DirectBuffer buffer, int from, int length) {
        ByteBuffer whole = buffer.byteBuffer();
        return whole == null
                ? ByteBuffer.wrap(buffer.byteArray(), buffer.wrapAdjustment() + from, length)
                : whole.duplicate().clear().slice(buffer.wrapAdjustment() + from, length);
    }

    FrameKind kind() {
        return FrameKind.KINDS[kindOrdinal];
    }
}
