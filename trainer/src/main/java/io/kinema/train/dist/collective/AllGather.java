package io.kinema.train.dist.collective;

import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.rendezvous.World;
import java.lang.foreign.MemorySegment;

/**
 * Sends this rank's shard to every other rank and writes theirs in place; a broadcast, where one shard is everything.
 */
final class AllGather extends Collective {
    /** Frames taken from a stream in one turn, so that no sender starves the others. */
    private static final int AHEAD = 8;

    private final Frame.FrameKind kind;
    private final long[] offsets;
    private final int elementBytes;
    private final CollectiveBuffer flat;

    /**
     * Begins nothing.
     *
     * @param offsets where each rank's shard begins, and the last one ends
     */
    AllGather(World world, Frame.FrameKind kind, long[] offsets, CollectiveBuffer flat) {
        super(world);
        this.kind = kind;
        this.offsets = offsets;
        this.flat = flat;
        elementBytes = flat.elementBytes();
        for (int p = 0; p < worldSize; p++) {
            if (p != rank) {
                bytesToSend[p] = elementBytes * (offsets[rank + 1] - offsets[rank]);
                bytesToReceive[p] = elementBytes * (offsets[p + 1] - offsets[p]);
            }
        }
    }

    @Override
    Frame.FrameKind kind() {
        return kind;
    }

    @Override
    boolean send(int peer, PeerLink link, Frame frame) {
        frame.position = bytesSent[peer] / elementBytes;
        frame.payloadBytes = (int) Math.min(bytesToSend[peer] - bytesSent[peer], link.frameBytes());
        return link.trySend(frame, flat, offsets[rank] + frame.position);
    }

    @Override
    boolean receive(Inbox inbox) {
        boolean hasReceived = false;
        for (int p = 0; p < worldSize; p++) {
            if (bytesReceived[p] == bytesToReceive[p]) {
                continue;
            }
            int numFrames = inbox.readAhead(p, AHEAD);
            for (int i = 0; i < numFrames; i++) {
                take(inbox.stream(p).frame(i), inbox.stream(p).payload(i));
            }
            if (numFrames > 0) {
                inbox.stream(p).giveUp();
                hasReceived = true;
            }
        }
        return hasReceived;
    }

    private void take(Frame frame, MemorySegment payload) {
        checkTotal(frame);
        long due = bytesReceived[frame.source];
        if (frame.position * elementBytes != due || frame.payloadBytes > bytesToReceive[frame.source] - due) {
            throw new IllegalStateException("rank " + frame.source + " sent element " + frame.position + "; element "
                    + due / elementBytes + " was due");
        }
        flat.write(offsets[frame.source] + frame.position, payload);
        bytesReceived[frame.source] += frame.payloadBytes;
    }

    @Override
    boolean isComputed() {
        return true;
    }
}
