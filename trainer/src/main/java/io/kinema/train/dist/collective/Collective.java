package io.kinema.train.dist.collective;

import io.kinema.train.dist.rendezvous.World;
import java.util.ArrayList;
import java.util.List;

/**
 * One collective under way on this rank: what it still has to send, to receive and to compute.
 *
 * <p>The loop that drives it calls {@link #send} and {@link #receive} until {@link #isComplete}; none of them blocks.
 */
abstract sealed class Collective permits ReduceScatter, AllGather, MessageExchange {
    /** The first frame of an unknown length has yet to come. */
    static final long UNKNOWN = -1;

    final int rank;
    final int worldSize;
    final long[] bytesToSend;
    final long[] bytesSent;
    final long[] bytesToReceive;
    final long[] bytesReceived;

    Collective(World world) {
        rank = world.rank();
        worldSize = world.worldSize();
        bytesToSend = new long[worldSize];
        bytesSent = new long[worldSize];
        bytesToReceive = new long[worldSize];
        bytesReceived = new long[worldSize];
    }

    abstract Frame.FrameKind kind();

    /** Sends the next frame to a peer that has bytes left to get; false when there is no room now. */
    abstract boolean send(int peer, PeerLink link, Frame frame);

    /** Uses what has come, as far as it can be used; true when something was. */
    abstract boolean receive(Inbox inbox);

    /** Whether nothing is left to compute; asked when everything was sent and received. */
    abstract boolean isComputed();

    final boolean isComplete() {
        for (int p = 0; p < worldSize; p++) {
            if (bytesSent[p] != bytesToSend[p] || bytesReceived[p] != bytesToReceive[p]) {
                return false;
            }
        }
        return isComputed();
    }

    final boolean isWaitingFor(int peer) {
        return bytesSent[peer] != bytesToSend[peer] || bytesReceived[peer] != bytesToReceive[peer];
    }

    /** Fails unless a frame says what this rank expects of its sender: both must run the same program. */
    final void checkTotal(Frame frame) {
        if (frame.totalBytes != bytesToReceive[frame.source]) {
            throw new IllegalStateException("rank " + frame.source + " sends " + frame.totalBytes + " bytes to rank "
                    + rank + ", which expects " + bytesToReceive[frame.source] + ": their layouts differ");
        }
    }

    /** Names the ranks that are waited for and how far each has come. */
    final String waiting() {
        List<String> ranks = new ArrayList<>();
        for (int p = 0; p < worldSize; p++) {
            if (bytesReceived[p] != bytesToReceive[p]) {
                String of = bytesToReceive[p] == UNKNOWN ? "an unknown number" : Long.toString(bytesToReceive[p]);
                ranks.add("rank " + p + " (" + bytesReceived[p] + " of " + of + " bytes received)");
            } else if (bytesSent[p] != bytesToSend[p]) {
                ranks.add("rank " + p + " (it took " + bytesSent[p] + " of " + bytesToSend[p] + " bytes)");
            }
        }
        return String.join(" and ", ranks);
    }
}
