package io.kinema.train.dist.collective;

import io.aeron.ExclusivePublication;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.transport.SharedRing;
import org.agrona.MutableDirectBuffer;

/**
 * The way to the inbox of a rank on the same host: frames say where in a {@link SharedRing} their payload lies. Short
 * payloads are in the frame.
 */
final class RingLink extends PeerLink {
    private static final int MOST_IN_FRAME = 1_024;
    /** Of several payloads in the ring, one is read while the next is written. */
    private static final int PAYLOAD_BYTES = 64 * 1024;

    private final SharedRing ring;

    /** Opens nothing; the link owns the publication and the ring from here on. */
    RingLink(int peer, ExclusivePublication publication, SharedRing ring, FrameTag tag) {
        super(peer, publication, SharedRing.BYTES, tag);
        this.ring = ring;
    }

    @Override
    int frameBytes() {
        return PAYLOAD_BYTES;
    }

    @Override
    boolean trySend(Frame frame, CollectiveBuffer source, long first) {
        int bytes = frame.payloadBytes;
        if (bytes <= MOST_IN_FRAME) {
            return super.trySend(frame, source, first);
        }
        long position = ring.room(bytes);
        if (position < 0 || !tryClaim(Long.BYTES)) {
            return false;
        }
        MutableDirectBuffer buffer = claim().buffer();
        source.read(first, ring.memory(position, bytes));
        frame.encodeShared(buffer, claim().offset(), position, ring.buffer(position, bytes), tag());
        ring.write(position, bytes);
        claim().commit();
        return true;
    }

    @Override
    public void close() {
        super.close();
        ring.close();
    }
}
