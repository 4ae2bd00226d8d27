package io.kinema.train.dist.transport;

import io.aeron.driver.DataPacketDispatcher;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.media.ReceiveChannelEndpoint;
import io.aeron.driver.media.UdpChannel;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import org.agrona.concurrent.status.AtomicCounter;

/**
 * Joins the segments of {@link SegmentSender}s to datagrams. A datagram of which a segment is missing, or comes out of
 * its turn, is dropped; Aeron asks for it again. The kernel hands over together what came together (UDP_GRO of Linux),
 * most often a whole datagram.
 */
class SegmentReceiver extends ReceiveChannelEndpoint {
    /** More senders than a run has: strangers' beginnings are forgotten with everybody's. */
    private static final int MAX_SENDERS = 1_024;

    /** The beginning of a datagram. */
    private static final class Beginning {
        final ByteBuffer bytes = ByteBuffer.allocate(1 << 16);
        int datagram;
        /** How far it reaches; −1 when there is none. */
        int end = -1;
    }

    private final ByteBuffer pieces = SegmentHeader.allocate();
    private final SegmentHeader header = new SegmentHeader();
    private final Map<InetSocketAddress, Beginning> beginnings = new HashMap<>();
    private InetSocketAddress source;

    SegmentReceiver(
            UdpChannel channel, DataPacketDispatcher dispatcher, AtomicCounter status, MediaDriver.Context context) {
        super(channel, dispatcher, status, context);
        pieces.limit(0);
    }

    @Override
    public void openChannel() {
        super.openChannel();
        UdpOffload.joinReceived(receiveDatagramChannel);
    }

    /** Receives whatever the kernel has, into a buffer from its beginning to its position; null when it has nothing. */
    InetSocketAddress receiveSegments(ByteBuffer buffer) {
        return super.receive(buffer);
    }

    @Override
    public InetSocketAddress receive(ByteBuffer datagram) {
        if (pieces.hasRemaining()) {
            datagram.clear();
        } else {
            source = receiveSegments(datagram.order(ByteOrder.LITTLE_ENDIAN));
            if (source == null || joinInPlace(datagram, datagram.position())) {
                return source;
            }
            pieces.clear().put(0, datagram, 0, datagram.position()).limit(datagram.position());
            datagram.clear();
        }
        return joinPieces(datagram) ? source : null;
    }

    /** Takes the headers out when a buffer has one whole datagram and nothing else. */
    private boolean joinInPlace(ByteBuffer buffer, int bytes) {
        int datagram = 0;
        int end = 0;
        int at = 0;
        while (header.read(buffer, at, bytes) && header.offset == end && (end == 0 || header.datagram == datagram)) {
            datagram = header.datagram;
            end += header.length;
            at += SegmentHeader.BYTES + header.length;
        }
        if (at != bytes || end != header.total) {
            return false;
        }
        MemorySegment memory = MemorySegment.ofBuffer(buffer.clear());
        at = 0;
        for (int to = 0; to < end; to += header.length) {
            header.read(buffer, at, bytes);
            MemorySegment.copy(memory, at + SegmentHeader.BYTES, memory, to, header.length);
            at += SegmentHeader.BYTES + header.length;
        }
        buffer.position(end);
        return true;
    }

    /** Goes on with the pieces up to the end of a datagram; false when none ends there. */
    private boolean joinPieces(ByteBuffer datagram) {
        while (header.read(pieces, pieces.position(), pieces.limit())) {
            int from = pieces.position() + SegmentHeader.BYTES;
            pieces.position(from + header.length);
            Beginning beginning = beginning();
            if (header.offset == 0) {
                beginning.datagram = header.datagram;
                beginning.end = 0;
            }
            if (beginning.datagram == header.datagram && beginning.end == header.offset) {
                beginning.bytes.put(header.offset, pieces, from, header.length);
                beginning.end += header.length;
                if (beginning.end == header.total) {
                    datagram.put(0, beginning.bytes, 0, header.total).position(header.total);
                    beginning.end = -1;
                    return true;
                }
            }
        }
        pieces.position(pieces.limit());
        return false;
    }

    private Beginning beginning() {
        Beginning known = beginnings.get(source);
        if (known != null) {
            return known;
        }
        if (beginnings.size() == MAX_SENDERS) {
            beginnings.clear();
        }
        Beginning fresh = new Beginning();
        beginnings.put(source, fresh);
        return fresh;
    }
}
