package io.kinema.train.dist;

import java.lang.foreign.MemorySegment;

/** Sends this rank's shard to every other rank and writes theirs in place. */
final class AllGather extends Operation {
    private final ShardLayout layout;
    private final int elementBytes;
    private final MemorySegment flat;

    AllGather(World world, ShardLayout layout, int elementBytes, MemorySegment flat) {
        super(world);
        this.layout = layout;
        this.elementBytes = elementBytes;
        this.flat = flat;
        for (int p = 0; p < worldSize; p++) {
            if (p != rank) {
                bytesToSend[p] = elementBytes * layout.length(rank);
                bytesToReceive[p] = elementBytes * layout.length(p);
            }
        }
    }

    @Override
    Frame.Kind kind() {
        return Frame.Kind.ALL_GATHER;
    }

    @Override
    boolean send(int peer, PeerLink link, Frame frame) {
        frame.position = bytesSent[peer] / elementBytes;
        frame.payloadBytes = (int) Math.min(bytesToSend[peer] - bytesSent[peer], link.frameBytes());
        return link.trySend(frame, flat, elementBytes * layout.offset(rank) + bytesSent[peer]);
    }

    @Override
    boolean accept(Frame frame, MemorySegment payload) {
        checkTotal(frame);
        long due = bytesReceived[frame.source];
        if (frame.position * elementBytes != due || frame.payloadBytes > bytesToReceive[frame.source] - due) {
            throw new IllegalStateException("rank " + frame.source + " sent element " + frame.position + "; element "
                    + due / elementBytes + " was due");
        }
        long offset = elementBytes * layout.offset(frame.source) + due;
        MemorySegment.copy(payload, 0, flat, offset, frame.payloadBytes);
        return true;
    }

    @Override
    boolean advance() {
        return false;
    }

    @Override
    boolean isComputed() {
        return true;
    }
}
