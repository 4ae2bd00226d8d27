package io.kinema.train.dist;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;

/**
 * The header of a message between ranks, followed by its payload. All fields are little-endian:
 *
 * <pre>
 *  0 int   CRC32C                of all that follows, the payload included
 *  4 int   magic and version     "KNM" 3
 *  8 long  run                   first 8 bytes of the run id's SHA-256
 * 16 long  sequence              number of the collective on its rank, from 0
 * 24 long  step                  the label's step
 * 32 int   source                sending rank
 * 36 int   bucket                the label's part of the vector
 * 40 long  position              where the payload belongs, from the start of the shard or message:
 *                                elements of a vector, bytes of a message
 * 48 int   payload bytes
 * 52 short kind                  ordinal of {@link Kind}; 0x4000 more where the payload is in a {@link SharedRing}: then a long follows, its
 *                                place there
 * 54 short node                  index of the cover node among the sender's; 0 where there are none
 * 56 long  total bytes           that this sender sends to this receiver in this collective
 * </pre>
 *
 * <p>Payloads of vectors are in native byte order; every platform that Kinema runs on is little-endian.
 */
final class Frame {
    static final int HEADER_BYTES = 64;
    private static final int MAGIC = 0x03_4D_4E_4B;
    private static final int SHARED = 0x4000;

    /** What kind of collective a frame belongs to. */
    enum Kind {
        REDUCE_SCATTER("reduce-scatter"),
        ALL_GATHER("all-gather"),
        EXCHANGE("exchange of messages"),
        BARRIER("barrier"),
        BROADCAST("broadcast");

        private static final Kind[] KINDS = values();
        private final String text;

        Kind(String text) {
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
    int node;
    long totalBytes;
    /** Whether the payload is in a ring. */
    boolean isShared;
    /** Where in the ring. */
    long place;

    /** Writes the header before a payload that is there already. */
    void encode(MutableDirectBuffer buffer, int offset) {
        isShared = false;
        encodeFields(buffer, offset);
        checksum = checksumOf(buffer, offset, payloadBytes);
        buffer.putInt(offset, checksum, ByteOrder.LITTLE_ENDIAN);
    }

    /** Writes the header of a payload that is in a ring already. */
    void encodeShared(MutableDirectBuffer buffer, int offset, long placeInRing, ByteBuffer payload) {
        isShared = true;
        place = placeInRing;
        encodeFields(buffer, offset);
        buffer.putLong(offset + HEADER_BYTES, place, ByteOrder.LITTLE_ENDIAN);
        checksum = checksumOf(buffer, offset, payload);
        buffer.putInt(offset, checksum, ByteOrder.LITTLE_ENDIAN);
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
        buffer.putShort(offset + 52, (short) (kindOrdinal | (isShared ? SHARED : 0)), ByteOrder.LITTLE_ENDIAN);
        buffer.putShort(offset + 54, (short) node, ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(offset + 56, totalBytes, ByteOrder.LITTLE_ENDIAN);
    }

    /** Reads a header; false when the bytes are no frame of this version or their length is not what it says. */
    boolean decode(DirectBuffer buffer, int offset, int length) {
        if (length < HEADER_BYTES || buffer.getInt(offset + 4, ByteOrder.LITTLE_ENDIAN) != MAGIC) {
            return false;
        }
        checksum = buffer.getInt(offset, ByteOrder.LITTLE_ENDIAN);
        run = buffer.getLong(offset + 8, ByteOrder.LITTLE_ENDIAN);
        sequence = buffer.getLong(offset + 16, ByteOrder.LITTLE_ENDIAN);
        step = buffer.getLong(offset + 24, ByteOrder.LITTLE_ENDIAN);
        source = buffer.getInt(offset + 32, ByteOrder.LITTLE_ENDIAN);
        bucket = buffer.getInt(offset + 36, ByteOrder.LITTLE_ENDIAN);
        position = buffer.getLong(offset + 40, ByteOrder.LITTLE_ENDIAN);
        payloadBytes = buffer.getInt(offset + 48, ByteOrder.LITTLE_ENDIAN);
        int kind = buffer.getShort(offset + 52, ByteOrder.LITTLE_ENDIAN);
        isShared = (kind & SHARED) != 0;
        kindOrdinal = kind & ~SHARED;
        node = buffer.getShort(offset + 54, ByteOrder.LITTLE_ENDIAN);
        totalBytes = buffer.getLong(offset + 56, ByteOrder.LITTLE_ENDIAN);
        int bytesInFrame = isShared ? Long.BYTES : payloadBytes;
        if (bytesInFrame != length - HEADER_BYTES) {
            return false;
        }
        place = isShared ? buffer.getLong(offset + HEADER_BYTES, ByteOrder.LITTLE_ENDIAN) : 0;
        return kindOrdinal >= 0 && kindOrdinal < Kind.KINDS.length;
    }

    /** Whether a frame that was read from there is as it was sent; its payload is in it. */
    boolean isSound(DirectBuffer buffer, int offset) {
        return checksum == checksumOf(buffer, offset, payloadBytes);
    }

    /** Whether a frame that was read from there is as it was sent, and its payload in the ring. */
    boolean isSound(DirectBuffer buffer, int offset, ByteBuffer payload) {
        return checksum == checksumOf(buffer, offset, payload);
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
        ByteBuffer bytes = buffer.byteBuffer();
        if (bytes == null) {
            crc.update(buffer.byteArray(), buffer.wrapAdjustment() + from, length);
        } else {
            crc.update(bytes.duplicate().clear().slice(buffer.wrapAdjustment() + from, length));
        }
        return (int) crc.getValue();
    }

    Kind kind() {
        return Kind.KINDS[kindOrdinal];
    }
}
