package io.kinema.train.dist.collective;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.aeron.Aeron;
import io.aeron.CommonContext;
import io.aeron.ExclusivePublication;
import io.kinema.train.dist.CollectiveException;
import io.kinema.train.dist.CollectiveTimeoutException;
import io.kinema.train.dist.PeerLostException;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.reduction.LeafRange;
import io.kinema.train.dist.reduction.Leaves;
import io.kinema.train.dist.reduction.ReductionPlan;
import io.kinema.train.dist.reduction.ReductionTree;
import io.kinema.train.dist.reduction.ShardLayout;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.rendezvous.World;
import io.kinema.train.dist.transport.Transport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

class CollectiveFailuresTest {
    private static final int LENGTH = 1_000;
    private static final StepLabel LABEL = new StepLabel(17, "gradients");
    private static final FrameTag NO_TAG = FrameTag.of(Secret.NONE, 1, 0);
    private static final Duration LONG = Duration.ofSeconds(30);

    private static float[] reduce(Collectives collectives) {
        World world = collectives.world();
        ReductionTree tree = new ReductionTree(world.worldSize());
        ShardLayout layout = new ShardLayout(LENGTH, 1, world.worldSize());
        try (Arena arena = Arena.ofShared()) {
            LeafRange leaves = tree.leavesOf(world.rank(), world.worldSize());
            List<CollectiveBuffer> partials = Leaves.partials(tree, leaves, 0, LENGTH, arena);
            MemorySegment shard = arena.allocate(layout.length(world.rank()) * Float.BYTES, Float.BYTES);
            collectives
                    .reduceScatter(
                            LABEL,
                            ReductionPlan.ofWhole(tree, world.worldSize()),
                            partials,
                            layout,
                            List.of(CollectiveBuffer.of(shard, Float.BYTES)))
                    .await();
            return shard.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    @Test
    void shouldNameTheRanksThatNeverCameToTheCollective() throws Exception {
        CountDownLatch isOver = new CountDownLatch(1);
        try (LocalRanks ranks = new LocalRanks(3)) {
            Future<float[]> zero =
                    ranks.start(0, ranks.config(Transport.IPC, Duration.ofSeconds(2)), CollectiveFailuresTest::reduce);
            Future<Boolean> one = ranks.start(
                    1, ranks.config(Transport.IPC, LONG), collectives -> isOver.await(20, TimeUnit.SECONDS));
            Future<float[]> two =
                    ranks.start(2, ranks.config(Transport.IPC, Duration.ofSeconds(2)), CollectiveFailuresTest::reduce);
            CollectiveTimeoutException e = assertThrows(CollectiveTimeoutException.class, () -> LocalRanks.get(zero));
            assertEquals(
                    "rank 0 waited 2 s in reduce-scatter of step 17 (gradients) for rank 1 (0 of 1332 bytes received)",
                    e.getMessage());
            assertThrows(CollectiveTimeoutException.class, () -> LocalRanks.get(two));
            isOver.countDown();
            assertTrue(LocalRanks.get(one));
        }
    }

    @Test
    void shouldNameTheRankThatLeftLongBeforeTheDeadline() throws Exception {
        try (LocalRanks ranks = new LocalRanks(2)) {
            long startNanos = System.nanoTime();
            Future<float[]> zero = ranks.start(0, ranks.config(Transport.IPC, LONG), CollectiveFailuresTest::reduce);
            ranks.start(1, ranks.config(Transport.IPC, LONG), collectives -> 0);
            PeerLostException e = assertThrows(PeerLostException.class, () -> LocalRanks.get(zero));
            assertTrue(System.nanoTime() - startNanos < TimeUnit.SECONDS.toNanos(5));
            assertEquals(1, e.lostRank());
            assertTrue(
                    e.getMessage().startsWith("rank 0 lost rank 1 in reduce-scatter of step 17 (gradients): "),
                    e.getMessage());
            assertTrue(e.getMessage().endsWith("waiting for rank 1 (0 of 2000 bytes received)"), e.getMessage());
        }
    }

    /** The media driver takes a process that is stopped for dead after a while; the launcher knows better. */
    @Test
    void shouldWaitForTheDeadlineWhereOnlyTheStreamOfARankEnded() throws Exception {
        CountDownLatch isOver = new CountDownLatch(1);
        try (LocalRanks ranks = new LocalRanks(2)) {
            CollectivesConfig config = ranks.config(Transport.IPC, Duration.ofSeconds(3));
            Future<Void> stopped = ranks.start(1, config, collectives -> {
                collectives.wiring.link(0).close();
                isOver.await();
                return null;
            });
            Future<Void> waiting = ranks.start(0, config, collectives -> {
                collectives.barrier(new StepLabel(1, "the test"));
                return null;
            });
            CollectiveTimeoutException e =
                    assertThrows(CollectiveTimeoutException.class, () -> LocalRanks.get(waiting));
            assertTrue(e.getMessage().contains("for rank 1"), e.getMessage());
            isOver.countDown();
            LocalRanks.get(stopped);
        }
    }

    @Test
    void shouldReportADriverThatDied() throws Exception {
        try (LocalRanks ranks = new LocalRanks(2)) {
            CountDownLatch haveJoined = new CountDownLatch(2);
            Future<float[]> zero = ranks.start(0, ranks.config(Transport.IPC, LONG), collectives -> {
                haveJoined.countDown();
                return reduce(collectives);
            });
            CountDownLatch isOver = new CountDownLatch(1);
            Future<Boolean> one = ranks.start(1, ranks.config(Transport.IPC, LONG), collectives -> {
                haveJoined.countDown();
                return isOver.await(20, TimeUnit.SECONDS);
            });
            assertTrue(haveJoined.await(10, TimeUnit.SECONDS));
            long startNanos = System.nanoTime();
            ranks.driver().close();
            CollectiveException e = assertThrows(CollectiveException.class, () -> LocalRanks.get(zero));
            assertTrue(System.nanoTime() - startNanos < TimeUnit.SECONDS.toNanos(5));
            assertTrue(
                    e.getMessage().startsWith("rank 0 lost its host's media driver in reduce-scatter of step 17"),
                    e.getMessage());
            isOver.countDown();
            assertTrue(LocalRanks.get(one));
        }
    }

    private static void inject(ExclusivePublication publication, UnsafeBuffer buffer, int length)
            throws InterruptedException {
        long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (publication.offer(buffer, 0, length) < 0) {
            assertTrue(System.nanoTime() < endNanos, "the inbox took no frame");
            Thread.sleep(1);
        }
    }

    private static Frame frame(long run, int source, long sequence) {
        Frame frame = new Frame();
        frame.kindOrdinal = Frame.FrameKind.REDUCE_SCATTER.ordinal();
        frame.run = run;
        frame.source = source;
        frame.sequence = sequence;
        frame.step = LABEL.step();
        frame.payloadBytes = LENGTH / 2 * Float.BYTES;
        frame.totalBytes = frame.payloadBytes;
        return frame;
    }

    @Test
    void shouldCountAndNeverSumForeignAndStaleFrames() throws Exception {
        CountDownLatch isInjected = new CountDownLatch(1);
        CountDownLatch haveJoined = new CountDownLatch(2);
        try (LocalRanks ranks = new LocalRanks(2);
                Aeron aeron = Aeron.connect(new Aeron.Context()
                        .aeronDirectoryName(ranks.driverDirectory().toString()))) {
            Future<Traffic> zero = ranks.start(0, ranks.config(Transport.IPC, LONG), collectives -> {
                haveJoined.countDown();
                assertTrue(isInjected.await(10, TimeUnit.SECONDS));
                float[] expected = Leaves.treeSum(0, 0, 2, LENGTH);
                assertArrayEquals(Arrays.copyOf(expected, LENGTH / 2), reduce(collectives));
                // A turn of its own, so that injected frames behind the awaited ones are seen too.
                collectives.barrier(LABEL);
                return collectives.traffic();
            });
            Future<float[]> one = ranks.start(1, ranks.config(Transport.IPC, LONG), collectives -> {
                haveJoined.countDown();
                assertTrue(isInjected.await(10, TimeUnit.SECONDS));
                Thread.sleep(200);
                float[] sum = reduce(collectives);
                collectives.barrier(LABEL);
                return sum;
            });
            assertTrue(haveJoined.await(10, TimeUnit.SECONDS));
            try (ExclusivePublication publication =
                    aeron.addExclusivePublication(CommonContext.IPC_CHANNEL, Wiring.streamId(0))) {
                long run = Wiring.runHash(LocalRanks.RUN_ID);
                Frame[] frames = {
                    frame(Wiring.runHash("another run"), 1, 1), // of another run
                    frame(run, 7, 1), // of a rank that is none
                    frame(run, 1, 1), // right in all but the stream it comes on
                    frame(run, 1, 0) // of a collective that is over
                };
                UnsafeBuffer buffer = new UnsafeBuffer(new byte[Frame.HEADER_BYTES + frames[0].payloadBytes]);
                for (Frame frame : frames) {
                    frame.encode(buffer, 0, NO_TAG);
                    inject(publication, buffer, buffer.capacity());
                }
                frames[0].encode(buffer, 0, NO_TAG);
                inject(publication, buffer, buffer.capacity() - 8); // shorter than it says
                inject(publication, buffer, 3); // no frame at all
                isInjected.countDown();
                Traffic traffic = LocalRanks.get(zero);
                LocalRanks.get(one);
                assertEquals(5, traffic.foreignFrames());
                assertEquals(1, traffic.staleFrames());
            }
        }
    }

    /** Ones; each frame that is made damages the one before, which is on its way. */
    private static CollectiveBuffer damaging(int length, CountDownLatch isDamaged) {
        AtomicReference<MemorySegment> sent = new AtomicReference<>();
        return Leaves.ones(length, to -> {
            MemorySegment before = sent.getAndSet(to);
            if (before != null) {
                long last = before.byteSize() - 1;
                before.set(ValueLayout.JAVA_BYTE, last, (byte) (before.get(ValueLayout.JAVA_BYTE, last) ^ 1));
                isDamaged.countDown();
            }
        });
    }

    @Test
    void shouldFailInPlaceOfSummingADamagedFrame() throws Exception {
        int length = 60_000;
        CountDownLatch isDamaged = new CountDownLatch(1);
        try (LocalRanks ranks = new LocalRanks(2);
                Arena arena = Arena.ofShared()) {
            ShardLayout layout = new ShardLayout(length, 1, 2);
            ReductionTree tree = new ReductionTree(2);
            MemorySegment zeros = arena.allocate((long) length * Float.BYTES, Float.BYTES);
            List<CollectiveBuffer> partials =
                    List.of(CollectiveBuffer.of(zeros, Float.BYTES), damaging(length, isDamaged));
            List<Future<Traffic>> traffic = new ArrayList<>();
            for (int r = 0; r < 2; r++) {
                int rank = r;
                MemorySegment shard = arena.allocate(layout.length(rank) * Float.BYTES, Float.BYTES);
                traffic.add(ranks.start(rank, ranks.config(Transport.IPC, LONG), collectives -> {
                    assertTrue(rank == 1 || isDamaged.await(10, TimeUnit.SECONDS));
                    Pending sum = collectives.reduceScatter(
                            LABEL,
                            ReductionPlan.ofWhole(tree, 2),
                            List.of(partials.get(rank)),
                            layout,
                            List.of(CollectiveBuffer.of(shard, Float.BYTES)));
                    CollectiveException e = assertThrows(CollectiveException.class, sum::await);
                    String expected = rank == 0 ? "whose CRC32C is not what its header says" : "lost rank 0";
                    assertTrue(e.getMessage().contains(expected), e.getMessage());
                    return collectives.traffic();
                }));
            }
            assertEquals(1, LocalRanks.get(traffic.getFirst()).damagedFrames());
            LocalRanks.get(traffic.getLast());
        }
    }
}
