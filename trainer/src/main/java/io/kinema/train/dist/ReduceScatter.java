package io.kinema.train.dist;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Sends every shard's slices of this rank's cover nodes to the shard's owner, and sums the slices of all ranks for
 * this rank's own shard along the tree.
 *
 * <p>The tree fixes the order of the additions whatever the order of arrival: as far as the slices of all ranks are there, they are summed from
 * where they lie in the streams. The additions are done on heap arrays that stay in the first caches: the compiler vectorizes loops over arrays, and over
 * native memory it would have to prove that operands do not overlap.
 */
final class ReduceScatter extends Operation {
    private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private final List<CollectiveBuffer> partials;
    private final ShardLayout layout;
    private final CollectiveBuffer shardOut;
    private final SumPlan plan;
    private final long numElements;
    /** The node whose slice each peer is sent next. */
    private final int[] nextNode;
    /** How far the slices that lie ahead of each peer reach; those of all its nodes reach as far. */
    private final long[] reach;

    private long position;

    ReduceScatter(
            World world, SumPlan plan, List<CollectiveBuffer> partials, ShardLayout layout, CollectiveBuffer out) {
        super(world);
        this.plan = plan;
        this.partials = partials;
        this.layout = layout;
        this.shardOut = out;
        numElements = layout.length(rank);
        nextNode = new int[worldSize];
        reach = new long[worldSize];
        for (int p = 0; p < worldSize; p++) {
            if (p != rank) {
                bytesToSend[p] = Float.BYTES * layout.length(p) * partials.size();
                bytesToReceive[p] = Float.BYTES * numElements * plan.numNodes(p);
            }
        }
    }

    @Override
    Frame.Kind kind() {
        return Frame.Kind.REDUCE_SCATTER;
    }

    /** Slices of all nodes at one place follow each other, so that the receiver need not wait long for any. */
    @Override
    boolean send(int peer, PeerLink link, Frame frame) {
        int numNodes = partials.size();
        int node = nextNode[peer];
        // Of what was sent, all nodes have had as much, but those before this one a slice more.
        int most = Math.min(link.frameBytes(), link.windowBytes() / 2 / numNodes & -Float.BYTES) / Float.BYTES;
        long sent = bytesSent[peer] / Float.BYTES;
        long rounds = sent / ((long) numNodes * most);
        long first = rounds * most;
        int elements = (int) Math.min(most, layout.length(peer) - first);
        frame.node = node;
        frame.position = first;
        frame.payloadBytes = elements * Float.BYTES;
        if (!link.trySend(frame, partials.get(node), layout.offset(peer) + first)) {
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
                sum(inbox, (int) Math.min(SumPlan.BLOCK, end - position));
            }
            for (int p = 0; p < worldSize; p++) {
                if (p != rank && reach[p] == position) {
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
                bytesReceived[p] += (reach[p] - position) * plan.numNodes(p) * Float.BYTES;
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
            if (frame.node != node
                    || frame.position != position
                    || frame.payloadBytes != bytes
                    || bytes % Float.BYTES != 0
                    || bytes / Float.BYTES > numElements - position) {
                throw new IllegalStateException("rank " + peer + " sent node " + frame.node + ", element "
                        + frame.position + ", " + frame.payloadBytes + " bytes; node " + node + ", element " + position
                        + " was due");
            }
        }
        return position + bytes / Float.BYTES;
    }

    /** Sums some elements at the current position and goes on behind them. */
    private void sum(Inbox inbox, int length) {
        long bytes = (long) length * Float.BYTES;
        for (int node = 0; node < partials.size(); node++) {
            partials.get(node)
                    .read(
                            layout.offset(rank) + position,
                            plan.memory(rank, node).asSlice(0, bytes));
        }
        for (int p = 0; p < worldSize; p++) {
            if (p == rank) {
                continue;
            }
            PeerStream stream = inbox.stream(p);
            for (int node = 0; node < plan.numNodes(p); node++) {
                long at = stream.payloadAddress(node) + (position - stream.frame(node).position) * Float.BYTES;
                MemorySegment.copy(ALL, ValueLayout.JAVA_FLOAT_UNALIGNED, at, plan.slice(p, node), 0, length);
            }
        }
        plan.sum(length);
        shardOut.write(position, plan.total().asSlice(0, bytes));
        position += length;
    }

    @Override
    boolean isComputed() {
        return position == numElements;
    }

    /**
     * Where slices of one block of elements are summed and in which order they are added; kept from one reduce-scatter to
     * the next while tree and world stay the same.
     */
    static final class SumPlan {
        /** Elements summed at a time. */
        static final int BLOCK = 2048;

        private final ReductionTree tree;
        private final int[] firstNode;
        private final List<ReductionTree.Merge> merges;
        private final float[][] slices;
        private final List<MemorySegment> memories = new ArrayList<>();

        SumPlan(ReductionTree tree, World world) {
            this.tree = tree;
            List<LeafRange> cover = new ArrayList<>();
            firstNode = new int[world.worldSize() + 1];
            for (int r = 0; r < world.worldSize(); r++) {
                cover.addAll(tree.cover(tree.leavesOf(r, world.worldSize())));
                firstNode[r + 1] = cover.size();
            }
            merges = tree.mergesOf(cover);
            slices = new float[cover.size()][BLOCK];
            for (float[] slice : slices) {
                memories.add(MemorySegment.ofArray(slice));
            }
        }

        ReductionTree tree() {
            return tree;
        }

        int numNodes(int ofRank) {
            return firstNode[ofRank + 1] - firstNode[ofRank];
        }

        float[] slice(int ofRank, int node) {
            return slices[firstNode[ofRank] + node];
        }

        MemorySegment memory(int ofRank, int node) {
            return memories.get(firstNode[ofRank] + node);
        }

        /** Adds all slices in place along the tree. */
        void sum(int length) {
            for (ReductionTree.Merge merge : merges) {
                add(slices[merge.into()], slices[merge.term()], length);
            }
        }

        MemorySegment total() {
            return memories.getFirst();
        }

        private static void add(float[] into, float[] term, int length) {
            for (int i = 0; i < length; i++) {
                into[i] += term[i];
            }
        }
    }
}
