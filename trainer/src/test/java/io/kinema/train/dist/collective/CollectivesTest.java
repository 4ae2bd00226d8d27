package io.kinema.train.dist.collective;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.reduction.LeafRange;
import io.kinema.train.dist.reduction.Leaves;
import io.kinema.train.dist.reduction.ReductionPlan;
import io.kinema.train.dist.reduction.ReductionTree;
import io.kinema.train.dist.reduction.ShardLayout;
import io.kinema.train.dist.rendezvous.RendezvousAddress;
import io.kinema.train.dist.rendezvous.World;
import io.kinema.train.dist.transport.MediaDriverHost;
import io.kinema.train.dist.transport.Transport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CollectivesTest {
    private static final StepLabel LABEL = new StepLabel(17, "gradients");

    /** Reduces and gathers vectors of several lengths, and returns the last gathered one of each length. */
    private static float[][] reduceAndGather(Collectives collectives, int numLeaves, int[] lengths) {
        World world = collectives.world();
        ReductionTree tree = new ReductionTree(numLeaves);
        LeafRange leaves = tree.leavesOf(world.rank(), world.worldSize());
        ReductionPlan plan = ReductionPlan.ofWhole(tree, world.worldSize());
        float[][] results = new float[lengths.length][];
        for (int i = 0; i < lengths.length; i++) {
            int length = lengths[i];
            try (Arena arena = Arena.ofShared()) {
                ShardLayout layout = new ShardLayout(length, 1, world.worldSize());
                List<CollectiveBuffer> partials = Leaves.partials(tree, leaves, i, length, arena);
                MemorySegment flat = arena.allocate((long) length * Float.BYTES, Float.BYTES);
                CollectiveBuffer sum = CollectiveBuffer.of(flat, Float.BYTES);
                if (i % 2 == 0) {
                    collectives.allReduce(LABEL, plan, partials, sum).await();
                } else {
                    CollectiveBuffer shard = sum.part(layout.offset(world.rank()), layout.length(world.rank()));
                    Pending reduced = collectives.reduceScatter(LABEL, plan, partials, layout, List.of(shard));
                    collectives.allGather(LABEL, layout, sum).await();
                    reduced.await();
                }
                results[i] = flat.toArray(ValueLayout.JAVA_FLOAT);
            }
        }
        return results;
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, ipc",
        "1, 6, ipc",
        "2, 2, ipc",
        "2, 5, ipc",
        "3, 3, ipc",
        "3, 8, ipc",
        "4, 4, ipc",
        "4, 7, ipc",
        "5, 5, ipc",
        "5, 13, ipc",
        "8, 8, ipc",
        "8, 21, ipc",
        "2, 3, udp",
        "2, 127, udp",
        "3, 7, udp",
        "5, 6, auto"
    })
    void shouldSumAlongTheTreeBitForBit(int worldSize, int numLeaves, String transport) throws Exception {
        int[] lengths = {0, 1, 3, 7, 16_352, 16_353, 250_001, 16_352 * 9};
        try (LocalRanks ranks = new LocalRanks(worldSize)) {
            List<float[][]> results = ranks.runAll(
                    Transport.parse(transport), collectives -> reduceAndGather(collectives, numLeaves, lengths));
            for (int i = 0; i < lengths.length; i++) {
                float[] expected = Leaves.treeSum(i, 0, numLeaves, lengths[i]);
                for (float[][] result : results) {
                    assertArrayEquals(expected, result[i]);
                }
            }
        }
    }

    @Test
    void shouldGatherElementsOfTwoBytes() throws Exception {
        int length = 250_001;
        try (LocalRanks ranks = new LocalRanks(3)) {
            List<short[]> results = ranks.runAll(Transport.IPC, collectives -> {
                ShardLayout layout = new ShardLayout(length, 1, 3);
                int rank = collectives.world().rank();
                short[] flat = new short[length];
                for (int i = (int) layout.offset(rank); i < layout.offset(rank + 1); i++) {
                    flat[i] = (short) (31 * i);
                }
                try (Arena arena = Arena.ofShared()) {
                    MemorySegment host = arena.allocateFrom(ValueLayout.JAVA_SHORT, flat);
                    collectives
                            .allGather(LABEL, layout, CollectiveBuffer.of(host, Short.BYTES))
                            .await();
                    return host.toArray(ValueLayout.JAVA_SHORT);
                }
            });
            for (short[] result : results) {
                for (int i = 0; i < length; i++) {
                    assertEquals((short) (31 * i), result[i], "element " + i);
                }
            }
        }
    }

    @Test
    void shouldExchangeMessagesOfAnyLength() throws Exception {
        try (LocalRanks ranks = new LocalRanks(3)) {
            List<byte[][]> results = ranks.runAll(Transport.IPC, collectives -> {
                int rank = collectives.world().rank();
                collectives.barrier(LABEL);
                return collectives.allGather(LABEL, "x".repeat(rank * 100_000).getBytes(StandardCharsets.UTF_8));
            });
            for (byte[][] messages : results) {
                assertEquals(3, messages.length);
                for (int r = 0; r < 3; r++) {
                    assertEquals("x".repeat(r * 100_000), new String(messages[r], StandardCharsets.UTF_8));
                }
            }
        }
    }

    @Test
    void shouldKeepFramesOfFastRanksWhenOneIsSlow() throws Exception {
        int length = 400_000;
        try (LocalRanks ranks = new LocalRanks(3)) {
            List<float[]> results = ranks.runAll(Transport.IPC, collectives -> {
                float[] last = {};
                for (int round = 0; round < 6; round++) {
                    if (collectives.world().rank() == round % 3) {
                        Thread.sleep(60);
                    }
                    last = reduceAndGather(collectives, 5, new int[] {length})[0];
                }
                Traffic traffic = collectives.traffic();
                assertEquals(0, traffic.staleFrames() + traffic.foreignFrames());
                assertTrue(traffic.bytesSent() > 0 && traffic.bytesReceived() > 0 && traffic.commNanos() > 0);
                return last;
            });
            float[] expected = Leaves.treeSum(0, 0, 5, length);
            results.forEach(result -> assertArrayEquals(expected, result));
        }
    }

    @Test
    void shouldFailWhenRanksCallDifferentCollectives() throws Exception {
        try (LocalRanks ranks = new LocalRanks(2)) {
            IllegalStateException e = assertThrows(
                    IllegalStateException.class,
                    () -> ranks.runAll(Transport.IPC, collectives -> {
                        StepLabel label = new StepLabel(collectives.world().rank(), "gradients");
                        collectives.barrier(label);
                        return 0;
                    }));
            assertTrue(e.getMessage()
                    .contains("rank 1 is in barrier of step 1, bucket 0, while rank 0 is in barrier of step 0"));
        }
    }

    /** Every rank below the last on this host's driver, the last one on a driver of its own: as if on another host. */
    private static List<Future<float[][]>> startOnTwoHosts(
            LocalRanks ranks, MediaDriverHost other, Transport transport) {
        CollectivesConfig here = ranks.config(transport, Duration.ofSeconds(20));
        CollectivesConfig there = new CollectivesConfig(
                here.rendezvous(),
                other.directory(),
                here.transport(),
                here.joinDeadline(),
                here.collectiveDeadline(),
                here.secret());
        List<Future<float[][]>> futures = new ArrayList<>();
        for (int r = 0; r < 3; r++) {
            futures.add(ranks.start(
                    r, r < 2 ? here : there, collectives -> reduceAndGather(collectives, 5, new int[] {250_001})));
        }
        return futures;
    }

    @Test
    void shouldSumAcrossHosts() throws Exception {
        try (LocalRanks ranks = new LocalRanks(3);
                MediaDriverHost other = MediaDriverHost.start(3)) {
            float[] expected = Leaves.treeSum(0, 0, 5, 250_001);
            for (Future<float[][]> future : startOnTwoHosts(ranks, other, Transport.AUTO)) {
                assertArrayEquals(expected, LocalRanks.get(future)[0]);
            }
        }
    }

    @Test
    void shouldRefuseSharedMemoryBetweenHosts() throws Exception {
        try (LocalRanks ranks = new LocalRanks(3);
                MediaDriverHost other = MediaDriverHost.start(3)) {
            for (Future<float[][]> future : startOnTwoHosts(ranks, other, Transport.IPC)) {
                ConfigException e = assertThrows(ConfigException.class, () -> LocalRanks.get(future));
                assertTrue(e.getMessage().startsWith("--transport ipc, but rank "), e.getMessage());
            }
        }
    }

    @Test
    void shouldReadAndWriteAddresses() throws Exception {
        for (String text : List.of("127.0.0.1:80", "[0:0:0:0:0:0:0:1]:65535")) {
            InetSocketAddress address = RendezvousAddress.parse(text);
            assertEquals(text, RendezvousAddress.text(address.getAddress(), address.getPort()));
        }
        for (String text : List.of("localhost", "localhost:many", "localhost:65536", "")) {
            assertThrows(ConfigException.class, () -> RendezvousAddress.parse(text));
        }
        ConfigException e = assertThrows(ConfigException.class, () -> Transport.parse("rdma"));
        assertEquals("--transport rdma is unknown; use ipc, udp or auto", e.getMessage());
    }
}
