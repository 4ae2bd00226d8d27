package io.kinema.train.dist.collective;

import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.rendezvous.World;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Sends a small message of any length to every other rank and collects theirs.
 *
 * <p>One byte follows each message, so that an empty one is a frame too; a barrier is an exchange of empty messages.
 */
final class MessageExchange extends Collective {
    private static final long MAX_MESSAGE_BYTES = 1L << 30;

    private final Frame.FrameKind kind;
    private final byte[] mine;
    private final CollectiveBuffer sent;
    private final byte[][] messages;

    MessageExchange(World world, Frame.FrameKind kind, byte[] message) {
        super(world);
        this.kind = kind;
        mine = Arrays.copyOf(message, message.length + 1);
        sent = CollectiveBuffer.of(MemorySegment.ofArray(mine), Byte.BYTES);
        messages = new byte[worldSize][];
        messages[rank] = message.clone();
        for (int p = 0; p < worldSize; p++) {
            if (p != rank) {
                bytesToSend[p] = mine.length;
                bytesToReceive[p] = UNKNOWN;
            }
        }
    }

    @Override
    Frame.FrameKind kind() {
        return kind;
    }

    @Override
    boolean send(int peer, PeerLink link, Frame frame) {
        frame.position = bytesSent[peer];
        frame.payloadBytes = (int) Math.min(bytesToSend[peer] - bytesSent[peer], link.frameBytes());
        return link.trySend(frame, sent, bytesSent[peer]);
    }

    @Override
    boolean receive(Inbox inbox) {
        boolean hasReceived = false;
        for (int p = 0; p < worldSize; p++) {
            if (bytesReceived[p] != bytesToReceive[p] && inbox.readAhead(p, 1) > 0) {
                take(inbox.stream(p).frame(0), inbox.stream(p).payload(0));
                inbox.stream(p).giveUp();
                hasReceived = true;
            }
        }
        return hasReceived;
    }

    private void take(Frame frame, MemorySegment payload) {
        int source = frame.source;
        if (bytesToReceive[source] == UNKNOWN && frame.totalBytes > 0 && frame.totalBytes <= MAX_MESSAGE_BYTES) {
            bytesToReceive[source] = frame.totalBytes;
            messages[source] = new byte[(int) frame.totalBytes];
        }
        checkTotal(frame);
        long due = bytesReceived[source];
        if (frame.position != due || frame.payloadBytes > bytesToReceive[source] - due) {
            throw new IllegalStateException(
                    "rank " + source + " sent byte " + frame.position + "; byte " + due + " was due");
        }
        MemorySegment.copy(payload, 0, MemorySegment.ofArray(messages[source]), due, frame.payloadBytes);
        bytesReceived[source] += frame.payloadBytes;
    }

    @Override
    boolean isComputed() {
        return true;
    }

    /** Every rank's message, in rank order; asked once, when complete. */
    byte[][] messages() {
        for (int p = 0; p < worldSize; p++) {
            if (p != rank) {
                messages[p] = Arrays.copyOf(messages[p], messages[p].length - 1);
            }
        }
        return messages;
    }
}
