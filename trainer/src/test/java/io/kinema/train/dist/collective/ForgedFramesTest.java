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
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.reduction.LeafRange;
import io.kinema.train.dist.reduction.Leaves;
import io.kinema.train.dist.reduction.ReductionPlan;
import io.kinema.train.dist.reduction.ReductionTree;
import io.kinema.train.dist.rendezvous.RendezvousWire;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.rendezvous.World;
import io.kinema.train.dist.transport.SharedRing;
import io.kinema.train.dist.transport.Transport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Frames in a run that has a secret. */
class ForgedFramesTest {
    private static final StepLabel LABEL = new StepLabel(17, "gradients");
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Secret SECRET = Secret.random();

    private static float[] allReduce(Collectives collectives, CollectiveBuffer partial, int length) {
        int worldSize = collectives.world().worldSize();
        try (Arena arena = Arena.ofShared()) {
            MemorySegment sum = arena.allocate((long) length * Float.BYTES, Float.BYTES);
            ReductionPlan plan = ReductionPlan.ofWhole(new ReductionTree(worldSize), worldSize);
            collectives
                    .allReduce(LABEL, plan, List.of(partial), CollectiveBuffer.of(sum, Float.BYTES))
                    .await();
            return sum.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    private static float[] allReduceLeaf(Collectives collectives, int length) {
        World world = collectives.world();
        ReductionTree tree = new ReductionTree(world.worldSize());
        try (Arena arena = Arena.ofShared()) {
            LeafRange leaf = tree.leavesOf(world.rank(), world.worldSize());
            return allReduce(
                    collectives, Leaves.partials(tree, leaf, 0, length, arena).getFirst(), length);
        }
    }

    @ParameterizedTest
    @EnumSource(Transport.class)
    void shouldSumTheSameBitsWithASecretAsWithout(Transport transport) throws Exception {
        for (int length : new int[] {1, 100, 16_352 * 9 + 1}) {
            float[] expected = Leaves.treeSum(0, 0, 3, length);
            try (LocalRanks ranks = new LocalRanks(3, SECRET)) {
                for (Traffic traffic : ranks.runAll(transport, collectives -> {
                    assertArrayEquals(expected, allReduceLeaf(collectives, length));
                    return collectives.traffic();
                })) {
                    assertEquals(0, traffic.foreignFrames() + traffic.staleFrames() + traffic.damagedFrames());
                }
            }
        }
    }

    /** What a rank that connects says first. */
    private static Frame greeting() {
        Frame frame = new Frame();
        frame.kindOrdinal = Frame.FrameKind.BARRIER.ordinal();
        frame.run = Wiring.runHash(LocalRanks.RUN_ID);
        frame.source = 1;
        frame.step = -1;
        frame.payloadBytes = 1;
        frame.totalBytes = 1;
        return frame;
    }

    /** The forger knows the run's id and comes before the rank does; the session's nonce it knows not. */
    @Test
    void shouldNotTakeAForgerForTheRankThatHasNotBeenHeardYet() throws Exception {
        int length = 1_000;
        float[] expected = Leaves.treeSum(0, 0, 2, length);
        List<FrameTag> tags = List.of(
                FrameTag.of(Secret.NONE, 1, 0),
                FrameTag.of(SECRET, 1, 0),
                FrameTag.of(SECRET.derive("session", new byte[RendezvousWire.SESSION_NONCE_BYTES]), 1, 0));
        try (LocalRanks ranks = new LocalRanks(2, SECRET);
                Aeron aeron = Aeron.connect(new Aeron.Context()
                        .aeronDirectoryName(ranks.driverDirectory().toString()));
                ExclusivePublication publication =
                        aeron.addExclusivePublication(CommonContext.IPC_CHANNEL, Wiring.streamId(0))) {
            Future<Traffic> zero = ranks.start(0, ranks.config(Transport.IPC, LONG), collectives -> {
                assertArrayEquals(expected, allReduceLeaf(collectives, length));
                return collectives.traffic();
            });
            for (FrameTag tag : tags) {
                UnsafeBuffer buffer = new UnsafeBuffer(new byte[Frame.HEADER_BYTES + 1 + tag.bytes()]);
                greeting().encode(buffer, 0, tag);
                long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
                while (publication.offer(buffer, 0, buffer.capacity()) < 0) {
                    assertTrue(System.nanoTime() < endNanos, "the inbox took no frame");
                    Thread.sleep(1);
                }
            }
            Future<float[]> one = ranks.start(
                    1, ranks.config(Transport.IPC, LONG), collectives -> allReduceLeaf(collectives, length));
            assertArrayEquals(expected, LocalRanks.get(one));
            assertEquals(tags.size(), LocalRanks.get(zero).foreignFrames());
        }
    }

    /** Changes a frame that is on its way, and gives it the CRC32C of what it now says. */
    private static void forge(MemorySegment payload) throws InterruptedException {
        int bytes = Frame.HEADER_BYTES + (int) payload.byteSize();
        MemorySegment frame = PeerLink.memoryAt(payload.address() - Frame.HEADER_BYTES, bytes + FrameTag.BYTES);
        UnsafeBuffer buffer = new UnsafeBuffer(frame.asByteBuffer());
        long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (buffer.getLong(bytes) == 0 || buffer.getLong(bytes + Long.BYTES) == 0) {
            assertTrue(System.nanoTime() < endNanos, "the frame has no tag");
            Thread.sleep(1);
        }
        Thread.sleep(20);
        buffer.putByte(bytes - 1, (byte) ~buffer.getByte(bytes - 1));
        CRC32C crc = new CRC32C();
        crc.update(frame.asByteBuffer().position(Integer.BYTES).limit(bytes));
        buffer.putInt(0, (int) crc.getValue(), ByteOrder.LITTLE_ENDIAN);
    }

    @Test
    void shouldCountAndNeverSumAFrameOnARanksOwnStreamThatHasNotItsTag() throws Exception {
        int length = 400;
        CompletableFuture<MemorySegment> written = new CompletableFuture<>();
        CountDownLatch isForged = new CountDownLatch(1);
        try (LocalRanks ranks = new LocalRanks(2, SECRET)) {
            Future<Traffic> zero = ranks.start(0, ranks.config(Transport.IPC, Duration.ofSeconds(2)), collectives -> {
                assertTrue(isForged.await(20, TimeUnit.SECONDS));
                CollectiveTimeoutException e =
                        assertThrows(CollectiveTimeoutException.class, () -> allReduceLeaf(collectives, length));
                assertEquals(
                        "rank 0 waited 2 s in reduce-scatter of step 17 (gradients) for rank 1 (0 of 800 bytes"
                                + " received);"
                                + " it has rejected 1 frames that no rank of this run has sent, or not now",
                        e.getMessage());
                return collectives.traffic();
            });
            Future<Traffic> one = ranks.start(1, ranks.config(Transport.IPC, LONG), collectives -> {
                assertThrows(
                        CollectiveException.class,
                        () -> allReduce(collectives, Leaves.ones(length, written::complete), length));
                return collectives.traffic();
            });
            forge(written.get(20, TimeUnit.SECONDS));
            isForged.countDown();
            Traffic traffic = LocalRanks.get(zero);
            assertEquals(1, traffic.foreignFrames());
            assertEquals(0, traffic.damagedFrames());
            LocalRanks.get(one);
        }
    }

    /** While rank 0 waits for rank 1, what rank 2 has sent is changed in the log where it came. */
    @Test
    void shouldSumWhatHadItsTagThoughItIsWrittenOverAfterwards() throws Exception {
        int length = 400;
        CompletableFuture<Collectives> zero = new CompletableFuture<>();
        CompletableFuture<MemorySegment> written = new CompletableFuture<>();
        CountDownLatch isChanged = new CountDownLatch(1);
        try (LocalRanks ranks = new LocalRanks(3, SECRET)) {
            List<Future<float[]>> sums = List.of(
                    ranks.start(0, ranks.config(Transport.IPC, LONG), collectives -> {
                        zero.complete(collectives);
                        return allReduce(collectives, Leaves.ones(length, _ -> {}), length);
                    }),
                    ranks.start(1, ranks.config(Transport.IPC, LONG), collectives -> {
                        assertTrue(isChanged.await(20, TimeUnit.SECONDS));
                        return allReduce(collectives, Leaves.ones(length, _ -> {}), length);
                    }),
                    ranks.start(
                            2,
                            ranks.config(Transport.IPC, LONG),
                            collectives -> allReduce(collectives, Leaves.ones(length, written::complete), length)));
            Collectives waiting = zero.get(20, TimeUnit.SECONDS);
            MemorySegment payload = written.get(20, TimeUnit.SECONDS);
            long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
            while (waiting.traffic().bytesReceived() < payload.byteSize()) {
                assertTrue(System.nanoTime() < endNanos, "rank 0 has read nothing of rank 2");
                Thread.sleep(1);
            }
            payload.fill((byte) 0x41);
            isChanged.countDown();
            float[] threes = new float[length];
            Arrays.fill(threes, 3);
            for (Future<float[]> sum : sums) {
                assertArrayEquals(threes, LocalRanks.get(sum));
            }
        }
    }

    @Test
    void shouldOpenTheMemoryBetweenRanksToItsOwnerAlone() throws Exception {
        try (LocalRanks ranks = new LocalRanks(2, SECRET)) {
            assertEquals(
                    "rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(ranks.driverDirectory())));
            ranks.runAll(Transport.AUTO, collectives -> {
                assertEquals(
                        "rw-------",
                        PosixFilePermissions.toString(Files.getPosixFilePermissions(
                                SharedRing.file(ranks.driverDirectory(), Wiring.runHash(LocalRanks.RUN_ID), 0, 1))));
                collectives.barrier(LABEL);
                return 0;
            });
        }
    }
}
