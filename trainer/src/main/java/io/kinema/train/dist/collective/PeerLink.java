package io.kinema.train.dist.collective;

import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.logbuffer.BufferClaim;
import io.kinema.train.dist.CollectiveException;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import java.lang.foreign.MemorySegment;
import org.agrona.MutableDirectBuffer;

/** The way to one other rank's inbox. Used by one thread. */
class PeerLink implements AutoCloseable {
    private final int peer;
    private final ExclusivePublication publication;
    private final int windowBytes;
    private final FrameTag tag;
    private final BufferClaim claim = new BufferClaim();

    /**
     * Opens nothing; the link owns the publication from here on.
     *
     * @param windowBytes that the inbox takes before it has given any up, whoever's host it is on
     * @param tag of this rank's frames to the peer
     */
    PeerLink(int peer, ExclusivePublication publication, int windowBytes, FrameTag tag) {
        this.peer = peer;
        this.publication = publication;
        this.windowBytes = windowBytes;
        this.tag = tag;
    }

    /** Payload bytes that fit one frame, a multiple of 8. */
    int frameBytes() {
        return (publication.maxPayloadLength() - Frame.HEADER_BYTES - tag.bytes()) & -8;
    }

    /** Bytes that the inbox takes before it has given any up. */
    int windowBytes() {
        return windowBytes;
    }

    /**
     * Sends a frame if the inbox has room for it now.
     *
     * @param frame the header, with its payload's length
     * @param source where the payload is
     * @param first its first element
     * @return whether it was sent; false means try again
     */
    boolean trySend(Frame frame, CollectiveBuffer source, long first) {
        if (!tryClaim(frame.payloadBytes)) {
            return false;
        }
        MutableDirectBuffer buffer = claim.buffer();
        int offset = claim.offset();
        source.read(first, memoryAt(buffer.addressOffset() + offset + Frame.HEADER_BYTES, frame.payloadBytes));
        frame.encode(buffer, offset, tag);
        claim.commit();
        return true;
    }

    /** Claims room in the stream for a frame with so many bytes between header and tag, to be written and committed. */
    final boolean tryClaim(int bytes) {
        long result = publication.tryClaim(Frame.HEADER_BYTES + bytes + tag.bytes(), claim);
        if (result > 0) {
            return true;
        }
        if (result == Publication.MAX_POSITION_EXCEEDED) {
            throw new CollectiveException("the stream to rank " + peer + " has reached its largest position, "
                    + publication.maxPossiblePosition() + " bytes; resume the run from its last checkpoint");
        }
        if (result == Publication.CLOSED) {
            throw new CollectiveException("the stream to rank " + peer + " was closed by the media driver");
        }
        return false;
    }

    /** What was claimed last. */
    final BufferClaim claim() {
        return claim;
    }

    /** Of this rank's frames to the peer. */
    final FrameTag tag() {
        return tag;
    }

    static MemorySegment memoryAt(long address, long bytes) {
        return MemorySegment.ofAddress(address).reinterpret(bytes);
    }

    @Override
    public void close() {
        publication.close();
    }
}
