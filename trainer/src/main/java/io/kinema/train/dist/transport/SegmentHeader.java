package io.kinema.train.dist.transport;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What is in front of every segment of a datagram between media drivers. Aeron's datagrams are as long as UDP allows;
 * each is cut into segments that the link carries whole, all of one length but the last. Fields are little-endian:
 *
 * <pre>
 *  0 int    datagram   its number among the sender's, modulo 2^32
 *  4 ushort total      bytes of the datagram
 *  6 ushort offset     of this segment's bytes in it
 *  8 ushort length     of this segment's bytes, which follow
 * 10 ushort magic      "KS"
 * </pre>
 *
 * <p>The kernel may hand several segments over in one piece; they then lie one behind the other.
 */
final class SegmentHeader {
    static final int BYTES = 12;
    private static final short MAGIC = 0x534B;

    int datagram;
    int total;
    int offset;
    int length;

    /** Room for whatever one call of the kernel's takes or gives. */
    static ByteBuffer allocate() {
        return ByteBuffer.allocateDirect(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Writes this header and the segment's bytes at the buffer's position. */
    void write(ByteBuffer to, ByteBuffer datagramBytes, int from) {
        to.putInt(datagram)
                .putShort((short) total)
                .putShort((short) offset)
                .putShort((short) length)
                .putShort(MAGIC);
        to.put(to.position(), datagramBytes, from, length).position(to.position() + length);
    }

    /** Reads a header at a position; false when what is there before a limit is no whole segment. */
    boolean read(ByteBuffer from, int at, int limit) {
        if (limit - at <= BYTES || from.getShort(at + 10) != MAGIC) {
            return false;
        }
        datagram = from.getInt(at);
        total = Short.toUnsignedInt(from.getShort(at + 4));
        offset = Short.toUnsignedInt(from.getShort(at + 6));
        length = Short.toUnsignedInt(from.getShort(at + 8));
        return length > 0 && length <= limit - at - BYTES && offset + length <= total;
    }
}
