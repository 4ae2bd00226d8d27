package io.kinema.train.dist.collective;

import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.reduction.ReductionPlan;
import io.kinema.train.dist.reduction.ShardLayout;
import io.kinema.train.dist.rendezvous.World;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Sends every shard's slices of this rank's partial sums to the shard's owner, and sums the slices of all ranks for
 * this rank's own shard along the tree.
 *
 * <p>The tree fixes the order of the additions whatever the order of arrival: as far as the slices of all ranks are
 * there, they are summed from where they lie in the streams. The additions are done on heap arrays that stay in the
 * first caches: the compiler vectorizes loops over arrays, and over native memory it would have to prove that operands
 * do not overlap. This rank's own slices are added as they are, whatever the others travel as.
 */
final class ReduceScatter extends Collective {
    private final ReductionPlan plan;
    private final List<CollectiveBuffer> partials;
    /** The same, as they travel. */
    private final List<CollectiveBuffer> leaving;

    private final int wireBytes;
    private final ShardLayout layout;
    private final List<CollectiveBuffer> sums;
    private final long numElements;
    /** The node whose slice each peer is sent next. */
    private final int[] nextNode;
    /** How far the slices that lie ahead of each peer reach; those of all its nodes reach as far. */
    private final long[] reach;

    private long position;

    ReduceScatter(
            World world,
            ReductionPlan plan,
            List<CollectiveBuffer> partials,
            ShardLayout layout,
            List<CollectiveBuffer> sums) {
        super(world);
        this.plan = plan;
        this.partials = partials;
        leaving = partials.stream().map(plan::onWire).toList();
        wireBytes = plan.wireBytes();
        this.layout = layout;
        this.sums = sums;
        numElements = layout.length(rank);
        nextNode = new int[worldSize];
        reach = new long[worldSize];
        for (int p = 0; p < worldSize; p++) {
            if (p != rank) {
                bytesToSend[p] = wireBytes * layout.length(p) * partials.size();
                bytesToReceive[p] = wireBytes * numElements * plan.numNodes(p);
                reach[p] = plan.numNodes(p) == 0 ? numElements : 0;
            }
        }
    }

    @Override
    Frame.FrameKind kind() {
        return Frame.FrameKind.REDUCE_SCATTER;
    }

    /** Slices of all nodes at one place follow each other, so that the receiver need not wait long for any. */
    @Override
    boolean send(int peer, PeerLink link, Frame frame) {
        int numNodes = partials.size();
        int node = nextNode[peer];
        // Of what was sent, all nodes have had as much, but those before this one a slice more.
        int most = Math.min(link.frameBytes(), link.windowBytes() / 2 / numNodes) / wireBytes;
        long sent = bytesSent[peer] / wireBytes;
        long rounds = sent / ((long) numNodes * most);
        long first = rounds * most;
        int elements = (int) Math.min(most, layout.length(peer) - first);
        frame.coverNodeIndex = node;
        frame.position = first;
        frame.payloadBytes = elements * wireBytes;
        if (!link.trySend(frame, leaving.get(node), layout.offset(peer) + first)) {
            return false;
        }
        nextNode[peer] = (node + 1) % numNodes;
        return true;
    }

    @Override
    boolean receive(Inbox inbox) {
        boolean hasSummed = false;
        while (position < numElements) {
            long end = reached(inbox);
            if (end == position) {
                break;
            }
            hasSummed = true;
            while (position < end) {
                sum(inbox, (int) Math.min(ReductionPlan.BLOCK, end - position));
            }
            for (int p = 0; p < worldSize; p++) {
                if (p != rank && reach[p] == position && plan.numNodes(p) > 0) {
                    inbox.stream(p).giveUp();
                }
            }
        }
        return hasSummed;
    }

    /** How far the slices of all ranks are there. */
    private long reached(Inbox inbox) {
        long end = numElements;
        for (int p = 0; p < worldSize; p++) {
            if (p == rank) {
                continue;
            }
            if (reach[p] == position && inbox.readAhead(p, plan.numNodes(p)) == plan.numNodes(p)) {
                reach[p] = check(inbox.stream(p), p);
                bytesReceived[p] += (reach[p] - position) * plan.numNodes(p) * wireBytes;
            }
            end = Math.min(end, reach[p]);
        }
        return end;
    }

    /** Checks that a peer's slices are those that are due, and returns how far they reach. */
    private long check(PeerStream stream, int peer) {
        int bytes = stream.frame(0).payloadBytes;
        for (int node = 0; node < plan.numNodes(peer); node++) {
            Frame frame = stream.frame(node);
            checkTotal(frame);
            if (frame.coverNodeIndex != node
                    || frame.position != position
                    || frame.payloadBytes != bytes
                    || bytes % wireBytes != 0
                    || bytes / wireBytes > numElements - position) {
                throw new IllegalStateException("rank " + peer + " sent node " + frame.coverNodeIndex + ", element "
                        + frame.position + ", " + frame.payloadBytes + " bytes; node " + node + ", element " + position
                        + " was due");
            }
        }
        return position + bytes / wireBytes;
    }

    /** Sums some elements at the current position and goes on behind them. */
    private void sum(Inbox inbox, int length) {
        long bytes = (long) length * Float.BYTES;
        for (int i = 0; i < plan.numCarried(); i++) {
            sums.get(i).read(position, memory(plan.carried(i), bytes));
        }
        for (int node = 0; node < partials.size(); node++) {
            partials.get(node).read(layout.offset(rank) + position, memory(plan.slot(rank, node), bytes));
        }
        for (int p = 0; p < worldSize; p++) {
            if (p == rank) {
                continue;
            }
            PeerStream stream = inbox.stream(p);
            for (int node = 0; node < plan.numNodes(p); node++) {
                long at = stream.payloadAddress(node) + (position - stream.frame(node).position) * wireBytes;
                plan.arriving(p, node).write(0, PeerLink.memoryAt(at, (long) length * wireBytes));
            }
        }
        plan.add(length);
        for (int i = 0; i < plan.numResults(); i++) {
            sums.get(i).write(position, memory(plan.result(i), bytes));
        }
        position += length;
    }

    private static MemorySegment memory(float[] slot, long bytes) {
        return MemorySegment.ofArray(slot).asSlice(0, bytes);
    }

    @Override
    boolean isComputed() {
        return position == numElements;
    }
}
