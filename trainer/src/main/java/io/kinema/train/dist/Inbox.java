package io.kinema.train.dist;

import io.aeron.Image;
import io.aeron.Subscription;
import io.aeron.logbuffer.ControlledFragmentHandler;
import io.aeron.logbuffer.Header;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;
import org.agrona.DirectBuffer;

/**
 * Receives the frames of all other ranks and gives those of the current collective to it.
 *
 * <p>A frame of a later collective stays in its sender's stream, so that flow control holds the sender back; frames
 * of another run, of an unknown sender or of a collective that is over are counted and dropped. Polled by one thread.
 */
final class Inbox implements ControlledFragmentHandler, AutoCloseable {
    /** Frames taken from each stream in one turn, so that no sender starves the others. */
    private static final int POLL_FRAMES = 8;

    private static final long UNBOUND = Long.MIN_VALUE;

    private final World world;
    private final long run;
    private final List<Subscription> subscriptions;
    private final Frame frame = new Frame();
    /** The stream that each rank was first heard on; another stream that claims the rank is foreign. */
    private final AtomicLongArray sessions;

    private Operation operation;
    private long sequence = -1;
    private long step;
    private int numAccepted;
    private long bytesReceived;
    private long foreignFrames;
    private long staleFrames;
    private RuntimeException failure;

    Inbox(World world, long run, List<Subscription> subscriptions) {
        this.world = world;
        this.run = run;
        this.subscriptions = List.copyOf(subscriptions);
        sessions = new AtomicLongArray(world.worldSize());
        for (int r = 0; r < world.worldSize(); r++) {
            sessions.set(r, UNBOUND);
        }
    }

    /** Makes an operation the current one; frames of earlier sequence numbers are stale from now on. */
    void expect(Operation next, long sequenceOfNext, long stepOfNext) {
        operation = next;
        sequence = sequenceOfNext;
        step = stepOfNext;
    }

    /**
     * Hands waiting frames to the current operation.
     *
     * @return how many it accepted
     * @throws IllegalStateException when a rank is in another collective or sends what is not due
     */
    int poll() {
        numAccepted = 0;
        for (Subscription subscription : subscriptions) {
            subscription.controlledPoll(this, POLL_FRAMES * Math.max(1, subscription.imageCount()));
        }
        if (failure != null) {
            throw failure;
        }
        return numAccepted;
    }

    @Override
    public Action onFragment(DirectBuffer buffer, int offset, int length, Header header) {
        if (!frame.decode(buffer, offset, length) || frame.run != run || !isPeer(frame.source)) {
            foreignFrames++;
            return Action.CONTINUE;
        }
        if (frame.sequence < sequence) {
            staleFrames++;
            return Action.CONTINUE;
        }
        long session = sessions.get(frame.source);
        if (session != UNBOUND && session != header.sessionId()) {
            foreignFrames++;
            return Action.CONTINUE;
        }
        if (session == UNBOUND) {
            sessions.set(frame.source, header.sessionId());
        }
        if (frame.sequence > sequence) {
            return Action.ABORT;
        }
        try {
            return take(PeerLink.memoryAt(buffer.addressOffset() + offset + Frame.HEADER_BYTES, frame.payloadBytes));
        } catch (RuntimeException e) {
            // Aeron would hand it to its error handler and poll on; poll() throws it to the caller instead.
            failure = e;
            return Action.ABORT;
        }
    }

    private Action take(MemorySegment payload) {
        if (frame.kind() != operation.kind() || frame.step != step) {
            throw new IllegalStateException("rank " + frame.source + " is in " + frame.kind() + " of step "
                    + frame.step + " while rank " + world.rank() + " is in " + operation.kind() + " of step " + step
                    + " (collective " + sequence + "): ranks must call collectives in the same order");
        }
        if (!operation.accept(frame, payload)) {
            return Action.ABORT;
        }
        operation.bytesReceived[frame.source] += frame.payloadBytes;
        bytesReceived += frame.payloadBytes;
        numAccepted++;
        return Action.CONTINUE;
    }

    private boolean isPeer(int source) {
        return source >= 0 && source < world.worldSize() && source != world.rank();
    }

    /** Called by Aeron's conductor: tells whose stream has ended, if any rank's. */
    void onUnavailableImage(Image image, Departures departures) {
        for (int r = 0; r < sessions.length(); r++) {
            if (sessions.get(r) == image.sessionId()) {
                departures.report(r, false, "its stream ended");
            }
        }
    }

    long bytesReceived() {
        return bytesReceived;
    }

    long foreignFrames() {
        return foreignFrames;
    }

    long staleFrames() {
        return staleFrames;
    }

    @Override
    public void close() {
        subscriptions.forEach(Subscription::close);
    }
}
