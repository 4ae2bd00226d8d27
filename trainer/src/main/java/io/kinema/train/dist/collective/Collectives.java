package io.kinema.train.dist.collective;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.CollectiveException;
import io.kinema.train.dist.CollectiveTimeoutException;
import io.kinema.train.dist.PeerLostException;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.reduction.Reduction;
import io.kinema.train.dist.reduction.ReductionPlan;
import io.kinema.train.dist.reduction.ShardLayout;
import io.kinema.train.dist.rendezvous.Departures;
import io.kinema.train.dist.rendezvous.RankIdentity;
import io.kinema.train.dist.rendezvous.World;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.IdleStrategy;

/**
 * What the ranks of a run do together: sum vectors and scatter the sum, gather shards, broadcast a vector, exchange
 * messages.
 *
 * <p>Called by one thread; every rank calls the same operations in the same order. They are done one after the other by
 * a thread of the collectives' own, while the caller computes. Vectors that are summed are fp32. An operation that
 * fails leaves the collectives unusable.
 */
public final class Collectives implements AutoCloseable {
    /** After the end of a rank's process: how long nothing must have come before a collective is given up. */
    private static final long DEPARTURE_GRACE_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    /**
     * The same after a rank has left in good order. The network may still lack its last frames, which the media driver
     * sends again for 5 s. Shorter than the launcher waits for the ranks that a failure leaves.
     */
    private static final long FAREWELL_GRACE_NANOS = TimeUnit.SECONDS.toNanos(2);

    private static final byte[] EMPTY = {};

    final Wiring wiring;
    private final World world;
    private final long deadlineNanos;
    /**
     * Gives the core away soon: what is waited for is often done by another rank, or by the media driver, on the same
     * one.
     */
    private final IdleStrategy idle =
            new BackoffIdleStrategy(0, 10, TimeUnit.MICROSECONDS.toNanos(1), TimeUnit.MICROSECONDS.toNanos(100));

    private final Frame frame = new Frame();

    private final ExecutorService thread;

    private long exposedNanos;
    // Of the thread.
    private RuntimeException failure;
    private long sequence;
    private volatile long commNanos;
    private volatile long bytesSent;

    private Collectives(Wiring wiring, long deadlineNanos) {
        this.wiring = wiring;
        this.world = wiring.world();
        this.deadlineNanos = deadlineNanos;
        thread = Executors.newSingleThreadExecutor(task -> Thread.ofPlatform()
                .daemon()
                .name("train-r" + world.rank() + "-collectives")
                .unstarted(task));
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
        Collectives collectives = new Collectives(
                Wiring.open(identity, config), config.collectiveDeadline().toNanos());
        try {
            collectives.barrier(new StepLabel(0, "connecting all ranks"));
            return collectives;
        } catch (RuntimeException e) {
            collectives.close();
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
     * Returns how long one collective may take.
     *
     * @return the wait for slower ranks included
     */
    public Duration deadline() {
        return Duration.ofNanos(deadlineNanos);
    }

    /**
     * Sums a vector over the leaves of a tree and gives each rank its shard of the sum. Where the {@link Reduction} is
     * exact, the result has the same bits for every world size.
     *
     * @param label what it is for
     * @param plan what is added
     * @param partials this rank's sums of its {@link ReductionPlan#nodesOf nodes}, left to right, each of the layout's
     *     full length
     * @param layout who owns which range
     * @param sums this rank's range, {@code layout.length(rank)} elements each: the first
     *     {@link ReductionPlan#numCarried} hold what is carried along, the first {@link ReductionPlan#numResults}
     *     receive the results; must not overlap the partials
     * @return await it
     */
    public Pending reduceScatter(
            StepLabel label,
            ReductionPlan plan,
            List<CollectiveBuffer> partials,
            ShardLayout layout,
            List<CollectiveBuffer> sums) {
        checkWorld(plan.worldSize());
        checkWorld(layout.worldSize());
        checkCount("partial sums", partials.size(), plan.numNodes(world.rank()));
        checkCount("shards of sums", sums.size(), Math.max(plan.numCarried(), plan.numResults()));
        partials.forEach(partial -> checkLength("partial sum", partial, layout.numElements()));
        sums.forEach(sum -> checkLength("shard", sum, layout.length(world.rank())));
        return begin(new ReduceScatter(world, plan, List.copyOf(partials), layout, List.copyOf(sums)), label);
    }

    /**
     * Completes a vector of which each rank holds its shard.
     *
     * @param label what it is for
     * @param layout who owns which range
     * @param flat the whole vector; this rank's range is read, all others are written
     * @return await it
     */
    public Pending allGather(StepLabel label, ShardLayout layout, CollectiveBuffer flat) {
        checkWorld(layout.worldSize());
        checkLength("vector", flat, layout.numElements());
        return begin(new AllGather(world, Frame.FrameKind.ALL_GATHER, layout.offsets(), flat), label);
    }

    /**
     * Gives every rank what one of them has.
     *
     * @param label what it is for
     * @param root the rank that has it
     * @param buffer read on the root, written on all others; of one length on all
     * @return await it
     */
    public Pending broadcast(StepLabel label, int root, CollectiveBuffer buffer) {
        if (root < 0 || root >= world.worldSize()) {
            throw new IllegalStateException("rank " + root + " is to broadcast in a world of " + world.worldSize());
        }
        long[] offsets = new long[world.worldSize() + 1];
        Arrays.fill(offsets, root + 1, offsets.length, buffer.numElements());
        return begin(new AllGather(world, Frame.FrameKind.BROADCAST, offsets, buffer), label);
    }

    /**
     * Sums a vector over the leaves of a tree and gives each rank the whole sum, with the same bits on every rank, and
     * where the {@link Reduction} is exact for every world size.
     *
     * @param label what it is for
     * @param plan what is added; it carries nothing and one sum results
     * @param partials this rank's sums of its {@link ReductionPlan#nodesOf nodes}, left to right
     * @param sum receives the sum; as long as the partials, and must not overlap them
     * @return await it
     */
    public Pending allReduce(
            StepLabel label, ReductionPlan plan, List<CollectiveBuffer> partials, CollectiveBuffer sum) {
        ShardLayout layout = new ShardLayout(sum.numElements(), 1, world.worldSize());
        CollectiveBuffer shard = sum.part(layout.offset(world.rank()), layout.length(world.rank()));
        // The second begins when the first is over, and fails with it.
        reduceScatter(label, plan, partials, layout, List.of(shard));
        return allGather(label, layout, sum);
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
        MessageExchange exchange = new MessageExchange(world, Frame.FrameKind.EXCHANGE, mine);
        begin(exchange, label).await();
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
        begin(new MessageExchange(world, Frame.FrameKind.BARRIER, EMPTY), label).await();
    }

    /**
     * Returns what collectives have cost so far; exact when none is under way.
     *
     * @return totals since this rank joined
     */
    public Traffic traffic() {
        Inbox inbox = wiring.inbox();
        return new Traffic(
                commNanos,
                exposedNanos,
                bytesSent,
                inbox.bytesReceived(),
                inbox.foreignFrames(),
                inbox.staleFrames(),
                inbox.damagedFrames());
    }

    private void checkWorld(int worldSize) {
        if (worldSize != world.worldSize()) {
            throw new IllegalStateException(
                    "a layout or plan for " + worldSize + " ranks in a world of " + world.worldSize());
        }
    }

    private static void checkCount(String what, int found, int needed) {
        if (found != needed) {
            throw new IllegalStateException(found + " " + what + " instead of " + needed);
        }
    }

    private static void checkLength(String what, CollectiveBuffer buffer, long numElements) {
        if (buffer.numElements() != numElements) {
            throw new IllegalStateException(
                    "the " + what + " has " + buffer.numElements() + " elements instead of " + numElements);
        }
    }

    private Pending begin(Collective operation, StepLabel label) {
        return new Pending(this, thread.submit(() -> {
            if (failure != null) {
                throw failure;
            }
            try {
                run(operation, label);
            } catch (RuntimeException e) {
                failure = e;
                throw e;
            }
        }));
    }

    void addExposed(long nanos) {
        exposedNanos += nanos;
    }

    private void run(Collective operation, StepLabel label) {
        long startNanos = System.nanoTime();
        long progressNanos = startNanos;
        boolean isProgressing = false;
        frame.kindOrdinal = operation.kind().ordinal();
        frame.run = wiring.run();
        frame.source = world.rank();
        frame.sequence = sequence;
        frame.step = label.step();
        frame.bucket = label.bucket();
        frame.coverNodeIndex = 0;
        Inbox inbox = wiring.inbox();
        inbox.expect(operation, sequence, label);
        idle.reset();
        while (!operation.isComplete()) {
            inbox.listen();
            boolean hasSent = send(operation);
            if (operation.receive(inbox) || hasSent) {
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
    private boolean send(Collective operation) {
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

    private void checkPatience(Collective operation, StepLabel label, long waitedNanos, long quietNanos) {
        String where = operation.kind() + " of " + label;
        if (Thread.interrupted()) {
            throw new CollectiveException("rank " + world.rank() + " left the run during " + where);
        }
        wiring.checkDriver(where);
        long nowNanos = System.nanoTime();
        for (Departures.News news : wiring.departures().news()) {
            boolean matters = news.crashed() || operation.isWaitingFor(news.rank());
            long graceNanos = news.crashed() ? DEPARTURE_GRACE_NANOS : FAREWELL_GRACE_NANOS;
            if (matters && Math.min(quietNanos, nowNanos - news.atNanos()) > graceNanos) {
                throw new PeerLostException(
                        news.rank(),
                        "rank " + world.rank() + " lost " + news.who() + " in " + where + ": " + news.reason()
                                + "; it was waiting for " + operation.waiting());
            }
        }
        if (waitedNanos > deadlineNanos) {
            throw new CollectiveTimeoutException("rank " + world.rank() + " waited "
                    + TimeUnit.NANOSECONDS.toSeconds(waitedNanos) + " s in " + where + " for " + operation.waiting()
                    + rejected());
        }
    }

    /** Frames that others have sent, perhaps in the place of those that are waited for. */
    private String rejected() {
        long frames = wiring.inbox().foreignFrames() + wiring.inbox().staleFrames();
        return frames == 0
                ? ""
                : "; it has rejected " + frames + " frames that no rank of this run has sent, or not now";
    }

    /**
     * Leaves the run; a collective that is under way is given up. Frames that were sent stay readable for those they
     * were sent to.
     *
     * @throws IOException when the connection to the launcher cannot be closed
     */
    @Override
    public void close() throws IOException {
        thread.shutdownNow();
        boolean isInterrupted = false;
        while (!thread.isTerminated()) {
            try {
                thread.awaitTermination(1, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                isInterrupted = true;
            }
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
        wiring.close();
    }
}
