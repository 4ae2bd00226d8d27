package io.kinema.train.dist;

import io.kinema.data.ConfigException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.IdleStrategy;

/**
 * What the ranks of a run do together: sum vectors and scatter the sum, gather shards, exchange messages.
 *
 * <p>Called by one thread; every rank calls the same operations in the same order. Operations block until this rank
 * has all that it needs and the others have been sent all that they need, so that arguments may be reused. Vectors are
 * in host memory, in native byte order; those that are summed are fp32. An operation that fails leaves the collectives unusable.
 */
public final class Collectives implements AutoCloseable {
    /** After a rank has gone: how long nothing must have come before a collective is given up. */
    private static final long DEPARTURE_GRACE_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    private static final byte[] EMPTY = {};

    private final Wiring wiring;
    private final World world;
    private final long deadlineNanos;
    private final IdleStrategy idle =
            new BackoffIdleStrategy(200, 100, TimeUnit.MICROSECONDS.toNanos(1), TimeUnit.MICROSECONDS.toNanos(200));
    private final Frame frame = new Frame();

    private ReduceScatter.SumPlan plan;
    private long sequence;
    private long commNanos;
    private long bytesSent;

    private Collectives(Wiring wiring, long deadlineNanos) {
        this.wiring = wiring;
        this.world = wiring.world();
        this.deadlineNanos = deadlineNanos;
    }

    /**
     * Joins a run: waits at the rendezvous until every rank is there, and opens a stream to each.
     *
     * @param identity who this process is
     * @param config where the others are found
     * @return the collectives; the caller closes them
     * @throws ConfigException when this process does not fit the run
     * @throws IOException when ranks stay away or the launcher or its media driver cannot be reached
     * @throws CollectiveException when a rank goes away before all are connected
     */
    public static Collectives join(RankIdentity identity, CollectivesConfig config) throws IOException {
        Wiring wiring = Wiring.open(identity, config);
        try {
            Collectives collectives =
                    new Collectives(wiring, config.collectiveDeadline().toNanos());
            collectives.barrier(new StepLabel(-1, "connecting all ranks"));
            return collectives;
        } catch (RuntimeException e) {
            wiring.close();
            throw e;
        }
    }

    /**
     * Returns the ranks of the run.
     *
     * @return this rank and its peers
     */
    public World world() {
        return world;
    }

    /**
     * Sums a vector over the leaves of a tree and gives each rank its shard of the sum. The result has the same bits
     * for every world size.
     *
     * @param label what it is for
     * @param tree the tree over the step's microbatches
     * @param partials the sums of this rank's {@link ReductionTree#cover} nodes, left to right, each of the layout's
     *     full length
     * @param layout who owns which range
     * @param shardOut receives this rank's range of the sum, {@code layout.length(rank)} elements; must not overlap
     *     the partials
     * @throws CollectiveException when another rank is lost, or late beyond the deadline
     * @throws IllegalStateException when ranks call different collectives, or with different layouts
     */
    public void reduceScatter(
            StepLabel label,
            ReductionTree tree,
            List<MemorySegment> partials,
            ShardLayout layout,
            MemorySegment shardOut) {
        if (plan == null || !plan.tree().equals(tree)) {
            plan = new ReduceScatter.SumPlan(tree, world);
        }
        if (partials.size() != plan.numNodes(world.rank())) {
            throw new IllegalStateException("rank " + world.rank() + " has " + partials.size() + " partial sums for "
                    + plan.numNodes(world.rank()) + " cover nodes");
        }
        checkWorld(layout);
        partials.forEach(partial -> checkBytes("partial sum", partial, layout.numElements() * Float.BYTES));
        checkBytes("shard", shardOut, layout.length(world.rank()) * Float.BYTES);
        run(new ReduceScatter(world, plan, partials, layout, shardOut), label);
    }

    /**
     * Completes a vector of which each rank holds its shard.
     *
     * @param label what it is for
     * @param layout who owns which range
     * @param elementBytes the size of an element
     * @param flat the whole vector; this rank's range is read, all others are written
     * @throws CollectiveException when another rank is lost, or late beyond the deadline
     * @throws IllegalStateException when ranks call different collectives, or with different layouts
     */
    public void allGather(StepLabel label, ShardLayout layout, int elementBytes, MemorySegment flat) {
        checkWorld(layout);
        checkBytes("vector", flat, layout.numElements() * elementBytes);
        run(new AllGather(world, layout, elementBytes, flat), label);
    }

    /**
     * Gives every rank every rank's message.
     *
     * @param label what it is for
     * @param mine this rank's message, of any length below 1 GiB
     * @return all messages, in rank order
     * @throws CollectiveException when another rank is lost, or late beyond the deadline
     * @throws IllegalStateException when ranks call different collectives
     */
    public byte[][] allGather(StepLabel label, byte[] mine) {
        Exchange exchange = new Exchange(world, Frame.Kind.EXCHANGE, mine);
        run(exchange, label);
        return exchange.messages();
    }

    /**
     * Waits until every rank has come here.
     *
     * @param label what it is for
     * @throws CollectiveException when another rank is lost, or late beyond the deadline
     * @throws IllegalStateException when ranks call different collectives
     */
    public void barrier(StepLabel label) {
        run(new Exchange(world, Frame.Kind.BARRIER, EMPTY), label);
    }

    /**
     * Returns what collectives have cost so far.
     *
     * @return totals since this rank joined
     */
    public Traffic traffic() {
        Inbox inbox = wiring.inbox();
        return new Traffic(commNanos, bytesSent, inbox.bytesReceived(), inbox.foreignFrames(), inbox.staleFrames());
    }

    private void checkWorld(ShardLayout layout) {
        if (layout.worldSize() != world.worldSize()) {
            throw new IllegalStateException(
                    "a layout for " + layout.worldSize() + " ranks in a world of " + world.worldSize());
        }
    }

    private static void checkBytes(String what, MemorySegment segment, long bytes) {
        if (segment.byteSize() != bytes) {
            throw new IllegalStateException(
                    "the " + what + " has " + segment.byteSize() + " bytes instead of " + bytes);
        }
    }

    private void run(Operation operation, StepLabel label) {
        long startNanos = System.nanoTime();
        long progressNanos = startNanos;
        boolean isProgressing = false;
        frame.kindOrdinal = operation.kind().ordinal();
        frame.run = wiring.run();
        frame.source = world.rank();
        frame.sequence = sequence;
        frame.step = label.step();
        frame.node = 0;
        wiring.inbox().expect(operation, sequence, label.step());
        idle.reset();
        while (!operation.isComplete()) {
            boolean hasSent = send(operation);
            boolean hasReceived = wiring.inbox().poll() > 0;
            if (operation.advance() || hasSent || hasReceived) {
                isProgressing = true;
                idle.reset();
                continue;
            }
            long nowNanos = System.nanoTime();
            if (isProgressing) {
                progressNanos = nowNanos;
                isProgressing = false;
            }
            checkPatience(operation, label, nowNanos - startNanos, nowNanos - progressNanos);
            idle.idle();
        }
        sequence++;
        commNanos += System.nanoTime() - startNanos;
    }

    /** Offers each peer one frame, the next rank first, so that not all ranks flood the same inbox. */
    private boolean send(Operation operation) {
        boolean hasSent = false;
        for (int i = 1; i < world.worldSize(); i++) {
            int peer = (world.rank() + i) % world.worldSize();
            if (operation.bytesSent[peer] == operation.bytesToSend[peer]) {
                continue;
            }
            frame.totalBytes = operation.bytesToSend[peer];
            if (operation.send(peer, wiring.link(peer), frame)) {
                operation.bytesSent[peer] += frame.payloadBytes;
                bytesSent += frame.payloadBytes;
                hasSent = true;
            }
        }
        return hasSent;
    }

    private void checkPatience(Operation operation, StepLabel label, long waitedNanos, long quietNanos) {
        String where = operation.kind() + " of " + label;
        wiring.checkDriver(where);
        long nowNanos = System.nanoTime();
        for (Departures.News news : wiring.departures().news()) {
            boolean matters = news.crashed() || operation.isWaitingFor(news.rank());
            if (matters && Math.min(quietNanos, nowNanos - news.atNanos()) > DEPARTURE_GRACE_NANOS) {
                throw new PeerLostException(
                        news.rank(),
                        "rank " + world.rank() + " lost " + news.who() + " in " + where + ": " + news.reason()
                                + "; it was waiting for " + operation.waiting());
            }
        }
        if (waitedNanos > deadlineNanos) {
            throw new CollectiveTimeoutException("rank " + world.rank() + " waited "
                    + TimeUnit.NANOSECONDS.toSeconds(waitedNanos) + " s in " + where + " for " + operation.waiting());
        }
    }

    /**
     * Leaves the run. Frames that were sent stay readable for those they were sent to.
     *
     * @throws IOException when the connection to the launcher cannot be closed
     */
    @Override
    public void close() throws IOException {
        wiring.close();
    }
}
