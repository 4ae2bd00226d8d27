package io.kinema.train.dist;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Sends every shard's slices of this rank's cover nodes to the shard's owner, and sums the slices of all ranks for
 * this rank's own shard along the tree.
 *
 * <p>Slices that arrive are staged in a ring of windows, because the tree fixes the order of the additions whatever
 * the order of arrival; a frame beyond the ring is left in the sender's stream. A window is summed in heap arrays
 * that stay in the second-level cache: the compiler vectorizes loops over arrays, and over native memory it
 * would have to prove that operands do not overlap.
 */
final class ReduceScatter extends Operation {
    /** Windows that may be under way at once: enough to keep senders busy while one is summed. */
    private static final int RING_WINDOWS = 4;

    private final List<MemorySegment> partials;
    private final ShardLayout layout;
    private final MemorySegment shardOut;
    private final SumPlan plan;
    private final long numElements;
    private final long numWindows;
    private final WindowCursor[] sending;
    private final WindowCursor[] receiving;
    private final int[] missing = new int[RING_WINDOWS];
    private long windowIndex;

    ReduceScatter(World world, SumPlan plan, List<MemorySegment> partials, ShardLayout layout, MemorySegment out) {
        super(world);
        this.plan = plan;
        this.partials = partials;
        this.layout = layout;
        this.shardOut = out;
        numElements = layout.length(rank);
        numWindows = WindowCursor.numWindows(numElements);
        sending = new WindowCursor[worldSize];
        receiving = new WindowCursor[worldSize];
        for (int p = 0; p < worldSize; p++) {
            sending[p] = new WindowCursor(layout.length(p), partials.size());
            receiving[p] = new WindowCursor(numElements, plan.numNodes(p));
            if (p != rank) {
                bytesToSend[p] = Float.BYTES * layout.length(p) * partials.size();
                bytesToReceive[p] = Float.BYTES * numElements * plan.numNodes(p);
            }
        }
        for (int w = 0; w < RING_WINDOWS && w < numWindows; w++) {
            missing[w] = plan.numRemoteNodes() * WindowCursor.windowLength(numElements, w);
        }
    }

    @Override
    Frame.Kind kind() {
        return Frame.Kind.REDUCE_SCATTER;
    }

    @Override
    boolean send(int peer, PeerLink link, Frame frame) {
        WindowCursor cursor = sending[peer];
        int elements = Math.min(cursor.remaining(), link.frameBytes() / Float.BYTES);
        frame.node = cursor.node();
        frame.position = cursor.position();
        frame.payloadBytes = elements * Float.BYTES;
        long offset = (layout.offset(peer) + cursor.position()) * Float.BYTES;
        if (!link.trySend(frame, partials.get(cursor.node()), offset)) {
            return false;
        }
        cursor.advance(elements);
        return true;
    }

    @Override
    boolean accept(Frame frame, MemorySegment payload) {
        checkTotal(frame);
        WindowCursor cursor = receiving[frame.source];
        int elements = frame.payloadBytes / Float.BYTES;
        if (frame.node != cursor.node()
                || frame.position != cursor.position()
                || elements > cursor.remaining()
                || frame.payloadBytes % Float.BYTES != 0) {
            throw new IllegalStateException("rank " + frame.source + " sent node " + frame.node + ", element "
                    + frame.position + "; node " + cursor.node() + ", element " + cursor.position() + " was due");
        }
        if (cursor.window() >= windowIndex + RING_WINDOWS) {
            return false;
        }
        int ring = (int) (cursor.window() % RING_WINDOWS);
        float[] slot = plan.staged(ring, frame.source, frame.node);
        MemorySegment.copy(payload, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, slot, cursor.inWindow(), elements);
        missing[ring] -= elements;
        cursor.advance(elements);
        return true;
    }

    @Override
    boolean advance() {
        int ring = (int) (windowIndex % RING_WINDOWS);
        if (windowIndex == numWindows || missing[ring] != 0) {
            return false;
        }
        int length = WindowCursor.windowLength(numElements, windowIndex);
        long position = windowIndex * WindowCursor.WINDOW_ELEMENTS;
        long offset = (layout.offset(rank) + position) * Float.BYTES;
        for (int n = 0; n < partials.size(); n++) {
            float[] slot = plan.local(n);
            MemorySegment.copy(partials.get(n), ValueLayout.JAVA_FLOAT_UNALIGNED, offset, slot, 0, length);
        }
        float[] sum = plan.sum(ring, length);
        MemorySegment.copy(sum, 0, shardOut, ValueLayout.JAVA_FLOAT_UNALIGNED, position * Float.BYTES, length);
        windowIndex++;
        long next = windowIndex + RING_WINDOWS - 1;
        if (next < numWindows) {
            missing[ring] = plan.numRemoteNodes() * WindowCursor.windowLength(numElements, next);
        }
        return true;
    }

    @Override
    boolean isComputed() {
        return windowIndex == numWindows;
    }

    /**
     * Where the slices of one window are staged and in which order they are added; kept from one reduce-scatter to
     * the next while tree and world stay the same.
     */
    static final class SumPlan {
        private final ReductionTree tree;
        private final int rank;
        private final int[] firstNode;
        private final List<ReductionTree.Merge> merges;
        private final float[][][] slots;

        SumPlan(ReductionTree tree, World world) {
            this.tree = tree;
            this.rank = world.rank();
            List<LeafRange> cover = new ArrayList<>();
            firstNode = new int[world.worldSize() + 1];
            for (int r = 0; r < world.worldSize(); r++) {
                cover.addAll(tree.cover(tree.leavesOf(r, world.worldSize())));
                firstNode[r + 1] = cover.size();
            }
            merges = tree.mergesOf(cover);
            slots = new float[RING_WINDOWS][cover.size()][WindowCursor.WINDOW_ELEMENTS];
        }

        ReductionTree tree() {
            return tree;
        }

        int numNodes(int ofRank) {
            return firstNode[ofRank + 1] - firstNode[ofRank];
        }

        int numRemoteNodes() {
            return firstNode[firstNode.length - 1] - numNodes(rank);
        }

        float[] staged(int ring, int source, int node) {
            return slots[ring][firstNode[source] + node];
        }

        float[] local(int node) {
            return slots[0][firstNode[rank] + node];
        }

        /** Adds a window's slices in place along the tree; local ones lie in the first window of the ring. */
        float[] sum(int ring, int length) {
            for (ReductionTree.Merge merge : merges) {
                add(slot(ring, merge.into()), slot(ring, merge.term()), length);
            }
            return slot(ring, 0);
        }

        private float[] slot(int ring, int index) {
            boolean isLocal = index >= firstNode[rank] && index < firstNode[rank + 1];
            return slots[isLocal ? 0 : ring][index];
        }

        private static void add(float[] into, float[] term, int length) {
            for (int i = 0; i < length; i++) {
                into[i] += term[i];
            }
        }
    }
}
