package io.kinema.train.dist.transport;

import io.aeron.driver.MediaDriver;
import io.aeron.driver.media.SendChannelEndpoint;
import io.aeron.driver.media.UdpChannel;
import io.kinema.train.dist.CollectiveException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.PortUnreachableException;
import java.nio.ByteBuffer;
import org.agrona.concurrent.status.AtomicCounter;

/**
 * Sends each datagram of a media driver's in segments that the link carries whole: in one call, where the kernel cuts
 * it up (UDP_SEGMENT of Linux), else in a call for each. Fragments of IP would do the same at several times the cost,
 * as each passes through the network stack by itself.
 */
class SegmentSender extends SendChannelEndpoint {
    /** Of IP version 6 and of UDP. */
    private static final int PACKET_HEADER_BYTES = 40 + 8;

    private static final int ETHERNET_MTU_BYTES = 1_500;
    /** What every link of IP version 4 has at least, but for a few that the headers would fill. */
    private static final int MIN_MTU_BYTES = 576;

    private final ByteBuffer segments = SegmentHeader.allocate();
    private final SegmentHeader header = new SegmentHeader();
    private int segmentBytes;
    private boolean isOffloaded;

    SegmentSender(UdpChannel channel, AtomicCounter status, MediaDriver.Context context) {
        super(channel, status, context);
    }

    @Override
    public void openChannel() {
        super.openChannel();
        try {
            segmentBytes = linkMtuBytes() - PACKET_HEADER_BYTES;
        } catch (IOException e) {
            throw new CollectiveException(
                    "cannot read the address of " + udpChannel().originalUriString(), e);
        }
        offload(segmentBytes < MediaDriverHost.UDP_DATAGRAM_BYTES);
    }

    /** Of the interface that leads to the receiver; that of the loopback device carries any datagram. */
    int linkMtuBytes() throws IOException {
        if (sendDatagramChannel.getLocalAddress() instanceof InetSocketAddress local) {
            NetworkInterface link = NetworkInterface.getByInetAddress(local.getAddress());
            if (link != null && link.getMTU() >= MIN_MTU_BYTES) {
                return link.getMTU();
            }
        }
        return ETHERNET_MTU_BYTES;
    }

    @Override
    public int send(ByteBuffer datagram) {
        if (!sendDatagramChannel.isConnected()) {
            return 0;
        }
        try {
            int bytes = datagram.remaining();
            if (!sendOffloaded(datagram, bytes)) {
                return 0;
            }
            datagram.position(datagram.limit());
            return bytes;
        } catch (PortUnreachableException receiverIsGone) {
            // As Aeron has it: whether the other end lives, its silence tells.
            return 0;
        } catch (IOException e) {
            // A link that is down may come up again; if not, the collective ends at its deadline.
            onSendError(e, connectAddress, errorHandler);
            return 0;
        }
    }

    private boolean sendOffloaded(ByteBuffer datagram, int bytes) throws IOException {
        try {
            return sendSegments(datagram, bytes);
        } catch (PortUnreachableException e) {
            throw e;
        } catch (IOException e) {
            if (!isOffloaded) {
                throw e;
            }
        }
        offload(false);
        try {
            // Goes through, and so from now on, where the way is narrower than its first link or a device on it cannot
            // cut.
            return sendSegments(datagram, bytes);
        } catch (IOException linkIsDown) {
            offload(true);
            throw linkIsDown;
        }
    }

    private void offload(boolean isWanted) {
        isOffloaded = cutInKernel(isWanted ? segmentBytes : 0) && isWanted;
    }

    /** Whether the kernel will from now on cut what is longer; 0 for not at all. */
    boolean cutInKernel(int bytes) {
        return UdpOffload.setSegmentBytes(sendDatagramChannel, bytes);
    }

    /** False when the socket has no room; what it has taken before of this datagram, the receiver drops. */
    private boolean sendSegments(ByteBuffer datagram, int bytes) throws IOException {
        int most = segmentBytes - SegmentHeader.BYTES;
        header.datagram++;
        header.total = bytes;
        segments.clear();
        for (int offset = 0; offset < bytes; offset += header.length) {
            header.offset = offset;
            header.length = Math.min(most, bytes - offset);
            header.write(segments, datagram, datagram.position() + offset);
            if (!isOffloaded && !flush()) {
                return false;
            }
        }
        return !isOffloaded || flush();
    }

    private boolean flush() throws IOException {
        int sent = sendDatagramChannel.write(segments.flip());
        segments.clear();
        return sent > 0;
    }
}
