package io.kinema.train.dist.collective;

import io.aeron.Image;
import io.aeron.Subscription;
import io.aeron.logbuffer.ControlledFragmentHandler;
import io.aeron.logbuffer.Header;
import io.kinema.train.dist.CollectiveException;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.rendezvous.World;
import io.kinema.train.dist.transport.SharedRing;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.agrona.DirectBuffer;

/**
 * What all other ranks have sent to this one: a stream each.
 *
 * <p>A frame of a later collective stays in its sender's stream, so that flow control holds the sender back; frames of
 * another run, of an unknown sender, without the tag of the run's secret or of a collective that is over are counted
 * and dropped. Used by one thread.
 */
final class Inbox implements ControlledFragmentHandler, AutoCloseable {
    /** Frames taken at a time from a stream that no rank has been heard on. */
    private static final int FOREIGN_FRAMES = 8;

    private static final long UNBOUND = Long.MIN_VALUE;

    private final World world;
    private final long run;
    private final Path driverDirectory;
    private final List<Subscription> subscriptions;
    private final Frame foreign = new Frame();
    /** The stream that each rank was first heard on; another stream that claims the rank is foreign. */
    private final long[] sessions;

    private final boolean areFramesTagged;

    /** Of each rank's frames to this one; its own is not used. */
    private final List<FrameTag> tags;

    private final PeerStream[] streams;
    private int numHeard;
    private Image introducing;

    private Collective operation;
    private long sequence = -1;
    private StepLabel label;
    private long bytesReceived;
    private long foreignFrames;
    private long staleFrames;
    private long damagedFrames;

    /** What a frame is to the current collective. */
    enum Verdict {
        /** It belongs to the collective. */
        DUE,
        /** It belongs to one that comes later. */
        LATER,
        /** It was counted and is to be passed over. */
        REJECTED
    }

    /**
     * An inbox that has heard nobody yet.
     *
     * @param session what the ranks' frames are tagged with
     */
    Inbox(World world, Secret session, long run, Path driverDirectory, List<Subscription> subscriptions) {
        this.driverDirectory = driverDirectory;
        this.world = world;
        this.run = run;
        this.subscriptions = List.copyOf(subscriptions);
        streams = new PeerStream[world.worldSize()];
        sessions = new long[world.worldSize()];
        List<FrameTag> ofPeers = new ArrayList<>();
        for (int r = 0; r < world.worldSize(); r++) {
            sessions[r] = UNBOUND;
            ofPeers.add(FrameTag.of(session, r, world.rank()));
        }
        tags = List.copyOf(ofPeers);
        areFramesTagged = !session.isNone();
    }

    /** Makes an operation the current one; frames of earlier sequence numbers are stale from now on. */
    void expect(Collective next, long sequenceOfNext, StepLabel labelOfNext) {
        operation = next;
        sequence = sequenceOfNext;
        label = labelOfNext;
    }

    /** Frames of a rank that can be used now, at most so many; 0 before it was first heard. */
    int readAhead(int rank, int atMost) {
        return streams[rank] == null ? 0 : streams[rank].readAhead(atMost);
    }

    /** The stream of a rank that has been heard. */
    PeerStream stream(int rank) {
        return streams[rank];
    }

    /** Listens to streams on which no rank has been heard yet, and empties those of strangers. */
    void listen() {
        int numImages = 0;
        for (Subscription subscription : subscriptions) {
            numImages += subscription.imageCount();
        }
        if (numImages == numHeard) {
            return;
        }
        for (Subscription subscription : subscriptions) {
            for (Image image : subscription.images()) {
                if (!isHeard(image)) {
                    introducing = image;
                    image.controlledPoll(this, FOREIGN_FRAMES);
                }
            }
        }
    }

    private boolean isHeard(Image image) {
        for (int r = 0; r < sessions.length; r++) {
            if (sessions[r] == image.sessionId()) {
                return true;
            }
        }
        return false;
    }

    /** Takes a frame of a stream that no rank has been heard on: the first of a rank's makes the stream that rank's. */
    @Override
    public Action onFragment(DirectBuffer buffer, int offset, int length, Header header) {
        // The first frame of a rank has its payload in it: no bytes, as it says that the rank is there.
        if (!foreign.decode(buffer, offset, length)
                || foreign.isShared
                || foreign.run != run
                || !isPeer(foreign.source)) {
            foreignFrames++;
            return Action.CONTINUE;
        }
        if (foreign.sequence < sequence) {
            staleFrames++;
            return Action.CONTINUE;
        }
        if (!foreign.isSound(buffer, offset)) {
            damagedFrames++;
            return Action.CONTINUE;
        }
        if (!foreign.isOf(tags.get(foreign.source), buffer, offset) || sessions[foreign.source] != UNBOUND) {
            foreignFrames++;
            return Action.CONTINUE;
        }
        sessions[foreign.source] = header.sessionId();
        streams[foreign.source] = new PeerStream(this, foreign.source, introducing);
        numHeard++;
        return Action.ABORT;
    }

    /** Whether this run's frames have tags. */
    boolean areFramesTagged() {
        return areFramesTagged;
    }

    /** Whether a frame says that it belongs to a collective that comes later; nothing else of it is looked at. */
    boolean isLater(DirectBuffer buffer, int offset, int length) {
        return length >= Frame.HEADER_BYTES && Frame.sequenceAt(buffer, offset) > sequence;
    }

    /** Reads the header of a frame on a rank's stream, checks it, and says what is to be done with it. */
    Verdict judge(Frame frame, int source, DirectBuffer buffer, int offset, int length) {
        if (!frame.decode(buffer, offset, length) || frame.run != run || frame.source != source) {
            foreignFrames++;
            return Verdict.REJECTED;
        }
        if (frame.sequence < sequence) {
            staleFrames++;
            return Verdict.REJECTED;
        }
        if (frame.sequence > sequence) {
            return Verdict.LATER;
        }
        if (!streams[source].isSound(frame, buffer, offset)) {
            damagedFrames++;
            throw new CollectiveException("rank " + world.rank() + " got a frame of rank " + source + " in "
                    + operation.kind() + " of " + label + " whose CRC32C is not what its header says: it was damaged"
                    + " on its way; check the memory and the network between the two");
        }
        if (!frame.isOf(tags.get(source), buffer, offset)) {
            foreignFrames++;
            return Verdict.REJECTED;
        }
        if (frame.kind() != operation.kind() || frame.step != label.step() || frame.bucket != label.bucket()) {
            throw new IllegalStateException("rank " + source + " is in " + frame.kind() + " of step " + frame.step
                    + ", bucket " + frame.bucket + ", while rank " + world.rank() + " is in " + operation.kind()
                    + " of step " + label.step() + ", bucket " + label.bucket() + " (collective " + sequence
                    + "): ranks must call collectives in the same order");
        }
        bytesReceived += frame.payloadBytes;
        return Verdict.DUE;
    }

    /** The ring that a rank of this host writes to; the caller closes it. */
    SharedRing openRing(int source) {
        Path file = SharedRing.file(driverDirectory, run, source, world.rank());
        try {
            return SharedRing.open(file);
        } catch (IOException e) {
            throw new CollectiveException(
                    "rank " + world.rank() + " cannot map " + file + ", where rank " + source + " writes", e);
        }
    }

    private boolean isPeer(int source) {
        return source >= 0 && source < world.worldSize() && source != world.rank();
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

    long damagedFrames() {
        return damagedFrames;
    }

    @Override
    public void close() {
        subscriptions.forEach(Subscription::close);
        for (PeerStream stream : streams) {
            if (stream != null) {
                stream.close();
            }
        }
    }
}
