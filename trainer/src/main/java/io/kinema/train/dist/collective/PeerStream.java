package io.kinema.train.dist.collective;

import io.aeron.Image;
import io.aeron.logbuffer.ControlledFragmentHandler;
import io.aeron.logbuffer.Header;
import io.kinema.train.dist.CollectiveException;
import io.kinema.train.dist.transport.SharedRing;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The frames of one other rank. They are read where they lie in the stream's log, a few ahead, and given up to the
 * sender, who then has room for more, only when they have been used. Frames with a tag are read from copies: whoever
 * can send datagrams could write over what lies in the log after its tag was found right. Used by one thread.
 */
final class PeerStream implements ControlledFragmentHandler, AutoCloseable {
    /** The most that are read ahead. */
    static final int MOST_AHEAD = 64;

    private final Inbox inbox;
    private final int source;
    private final Image image;
    private final Frame[] frames = new Frame[MOST_AHEAD];
    private final long[] payloads = new long[MOST_AHEAD];
    /** As long as the longest frame that was there so far; empty where frames have no tags. */
    private final UnsafeBuffer[] copies = new UnsafeBuffer[MOST_AHEAD];

    /** One, once a frame has needed it. */
    private final List<SharedRing> rings = new ArrayList<>();

    private int numAhead;
    private int wanted;
    /** The stream's position behind the last frame that was read ahead. */
    private long end;

    private RuntimeException failure;

    PeerStream(Inbox inbox, int source, Image image) {
        this.inbox = inbox;
        this.source = source;
        this.image = image;
        end = image.position();
    }

    /**
     * Reads frames of the current collective ahead, as far as there are any.
     *
     * @param atMost how many, at most {@link #MOST_AHEAD}
     * @return how many there are ahead now
     * @throws IllegalStateException when the sender is in another collective
     * @throws CollectiveException when a frame came damaged
     */
    int readAhead(int atMost) {
        wanted = atMost;
        while (numAhead < wanted) {
            long termEnd = termEnd();
            // Aeron looks no further than a term from what was given up; what was read before is passed over.
            long reached = image.controlledPeek(Math.min(end, termEnd), this, Long.MAX_VALUE);
            if (failure != null) {
                throw failure;
            }
            boolean isNew = reached > end;
            end = Math.max(end, reached);
            if (!isNew || reached != termEnd) {
                break;
            }
        }
        if (numAhead == 0) {
            giveUp();
        }
        return numAhead;
    }

    private long termEnd() {
        long position = image.position();
        int termBytes = image.termBufferLength();
        return position - position % termBytes + termBytes;
    }

    @Override
    public Action onFragment(DirectBuffer buffer, int offset, int length, Header header) {
        if (numAhead == wanted) {
            return Action.ABORT;
        }
        long after = header.position();
        if (after <= end) {
            return Action.CONTINUE;
        }
        if (frames[numAhead] == null) {
            frames[numAhead] = new Frame();
        }
        Frame frame = frames[numAhead];
        boolean isCopied = inbox.areFramesTagged();
        if (isCopied && inbox.isLater(buffer, offset, length)) {
            return Action.ABORT;
        }
        DirectBuffer from = isCopied ? copy(buffer, offset, length) : buffer;
        int at = isCopied ? 0 : offset;
        try {
            switch (inbox.judge(frame, source, from, at, length)) {
                case LATER -> {
                    return Action.ABORT;
                }
                case REJECTED -> end = after;
                case DUE -> {
                    payloads[numAhead] = frame.isShared
                            ? ring().memory(frame.place, frame.payloadBytes).address()
                            : from.addressOffset() + at + Frame.HEADER_BYTES;
                    numAhead++;
                    end = after;
                }
            }
            return Action.CONTINUE;
        } catch (RuntimeException e) {
            // Aeron would hand it to its error handler and go on; readAhead() throws it to the caller instead.
            failure = e;
            return Action.ABORT;
        }
    }

    private UnsafeBuffer copy(DirectBuffer buffer, int offset, int length) {
        UnsafeBuffer copy = copies[numAhead];
        if (copy == null || copy.capacity() < length) {
            copy = new UnsafeBuffer(ByteBuffer.allocateDirect(length));
            copies[numAhead] = copy;
        }
        copy.putBytes(0, buffer, offset, length);
        return copy;
    }

    /** Whether a frame and its payload are as they were sent. */
    boolean isSound(Frame frame, DirectBuffer buffer, int offset) {
        if (!frame.isShared) {
            return frame.isSound(buffer, offset);
        }
        return SharedRing.hasPlace(frame.place, frame.payloadBytes)
                && frame.isSound(buffer, offset, ring().buffer(frame.place, frame.payloadBytes));
    }

    /** The first frame that needs it opens it; its sender has made it before. */
    private SharedRing ring() {
        if (rings.isEmpty()) {
            rings.add(inbox.openRing(source));
        }
        return rings.getFirst();
    }

    /** One of the frames ahead. */
    Frame frame(int index) {
        return frames[index];
    }

    /** Where its payload is, until it is given up. */
    long payloadAddress(int index) {
        return payloads[index];
    }

    /** Its payload, until it is given up. */
    MemorySegment payload(int index) {
        return PeerLink.memoryAt(payloads[index], frames[index].payloadBytes);
    }

    /** Gives all frames ahead up. */
    void giveUp() {
        for (int i = numAhead - 1; i >= 0; i--) {
            if (frames[i].isShared) {
                ring().giveUp(SharedRing.end(frames[i].place, frames[i].payloadBytes));
                break;
            }
        }
        while (image.position() < end && !image.isClosed()) {
            image.position(Math.min(end, termEnd()));
        }
        numAhead = 0;
    }

    @Override
    public void close() {
        rings.forEach(SharedRing::close);
    }
}
