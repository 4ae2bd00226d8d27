package io.kinema.train.dist.transport;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.aeron.driver.DataPacketDispatcher;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ext.LossGenerator;
import io.aeron.driver.ext.RandomLossGenerator;
import io.aeron.driver.media.UdpChannel;
import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.CollectivesConfig;
import io.kinema.train.dist.collective.LocalRanks;
import io.kinema.train.dist.collective.StepLabel;
import io.kinema.train.dist.collective.Traffic;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.reduction.LeafRange;
import io.kinema.train.dist.reduction.Leaves;
import io.kinema.train.dist.reduction.ReductionPlan;
import io.kinema.train.dist.reduction.ReductionTree;
import io.kinema.train.dist.rendezvous.World;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.agrona.concurrent.status.AtomicCounter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Two hosts, a media driver and a rank each, with a network between them that loses what it is told to. */
class LossyNetworkTest {
    private static final StepLabel LABEL = new StepLabel(17, "gradients");
    private static final int LENGTH = 300_001;
    private static final int NUM_LEAVES = 7;
    private static final int ETHERNET_MTU_BYTES = 1_500;

    /** What the network does to both directions. */
    private static final class Network {
        private final LossGenerator datagrams;
        private final LossGenerator packets;
        private final AtomicInteger numLost = new AtomicInteger();
        private final boolean cutsInKernel;
        private volatile boolean isCut;

        Network(double datagramLoss, double packetLoss, boolean cutsInKernel) {
            this.cutsInKernel = cutsInKernel;
            datagrams = new RandomLossGenerator(datagramLoss, 1);
            packets = new RandomLossGenerator(packetLoss, 2);
        }

        /** Whether all of a buffer is lost. */
        synchronized boolean loses(InetSocketAddress source, int bytes) {
            boolean isLost = isCut || datagrams.shouldDropFrame(source, null, bytes);
            if (isLost) {
                numLost.incrementAndGet();
            }
            return isLost;
        }

        /** Takes lost packets out of a buffer of several. */
        synchronized void losePackets(InetSocketAddress source, ByteBuffer buffer) {
            SegmentHeader header = new SegmentHeader();
            int end = buffer.position();
            int to = 0;
            for (int at = 0; header.read(buffer, at, end); at += SegmentHeader.BYTES + header.length) {
                int bytes = SegmentHeader.BYTES + header.length;
                if (packets.shouldDropFrame(source, null, bytes)) {
                    numLost.incrementAndGet();
                } else {
                    buffer.put(to, buffer, at, bytes);
                    to += bytes;
                }
            }
            buffer.position(to);
        }
    }

    /** Cuts for Ethernet though the loopback device carries more; loses what receivers answer. */
    private static final class LossySender extends SegmentSender {
        private final Network network;

        LossySender(UdpChannel channel, AtomicCounter status, MediaDriver.Context context, Network network) {
            super(channel, status, context);
            this.network = network;
        }

        @Override
        int linkMtuBytes() {
            return ETHERNET_MTU_BYTES;
        }

        @Override
        boolean cutInKernel(int bytes) {
            return network.cutsInKernel && super.cutInKernel(bytes);
        }

        @Override
        public InetSocketAddress receive(ByteBuffer answer) {
            InetSocketAddress source = super.receive(answer);
            return source == null || network.loses(source, answer.position()) ? null : source;
        }
    }

    private static final class LossyReceiver extends SegmentReceiver {
        private final Network network;

        LossyReceiver(
                UdpChannel channel,
                DataPacketDispatcher dispatcher,
                AtomicCounter status,
                MediaDriver.Context context,
                Network network) {
            super(channel, dispatcher, status, context);
            this.network = network;
        }

        @Override
        InetSocketAddress receiveSegments(ByteBuffer buffer) {
            InetSocketAddress source = super.receiveSegments(buffer);
            if (source == null || network.loses(source, buffer.position())) {
                return null;
            }
            network.losePackets(source, buffer);
            return source;
        }
    }

    private static MediaDriverHost host(Network network) throws Exception {
        return MediaDriverHost.start(
                2,
                (channel, status, context) -> new LossySender(channel, status, context, network),
                (channel, dispatcher, status, context) ->
                        new LossyReceiver(channel, dispatcher, status, context, network));
    }

    private static float[] allReduce(Collectives collectives, int round) {
        World world = collectives.world();
        ReductionTree tree = new ReductionTree(NUM_LEAVES);
        try (Arena arena = Arena.ofShared()) {
            LeafRange leaves = tree.leavesOf(world.rank(), world.worldSize());
            List<CollectiveBuffer> partials = Leaves.partials(tree, leaves, round, LENGTH, arena);
            MemorySegment sum = arena.allocate((long) LENGTH * Float.BYTES, Float.BYTES);
            collectives
                    .allReduce(
                            LABEL,
                            ReductionPlan.ofWhole(tree, world.worldSize()),
                            partials,
                            CollectiveBuffer.of(sum, Float.BYTES))
                    .await();
            return sum.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    private static List<Future<Traffic>> start(
            LocalRanks ranks, List<MediaDriverHost> hosts, LocalRanks.Body<Traffic> body) {
        CollectivesConfig config = ranks.config(Transport.UDP, Duration.ofSeconds(30));
        List<Future<Traffic>> futures = new ArrayList<>();
        for (int r = 0; r < 2; r++) {
            CollectivesConfig there = new CollectivesConfig(
                    config.rendezvous(),
                    hosts.get(r).directory(),
                    config.transport(),
                    config.joinDeadline(),
                    config.collectiveDeadline(),
                    config.secret());
            futures.add(ranks.start(r, there, body));
        }
        return futures;
    }

    private static void shouldSumOver(Network network, int numRounds) throws Exception {
        float[][] expected = new float[numRounds][];
        for (int round = 0; round < numRounds; round++) {
            expected[round] = Leaves.treeSum(round, 0, NUM_LEAVES, LENGTH);
        }
        try (LocalRanks ranks = new LocalRanks(2);
                MediaDriverHost zero = host(network);
                MediaDriverHost one = host(network)) {
            List<Future<Traffic>> futures = start(ranks, List.of(zero, one), collectives -> {
                for (int round = 0; round < numRounds; round++) {
                    assertArrayEquals(expected[round], allReduce(collectives, round));
                }
                return collectives.traffic();
            });
            for (Future<Traffic> future : futures) {
                Traffic traffic = LocalRanks.get(future);
                assertEquals(0, traffic.damagedFrames() + traffic.foreignFrames() + traffic.staleFrames());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.01, 0.1})
    void shouldSumExactlyWhenDatagramsAreLost(double rate) throws Exception {
        Network network = new Network(rate, 0, true);
        shouldSumOver(network, 5);
        assertTrue(network.numLost.get() > 0);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldSumExactlyWhenPacketsOfDatagramsAreLost(boolean cutsInKernel) throws Exception {
        Network network = new Network(0, 0.005, cutsInKernel);
        shouldSumOver(network, 3);
        assertTrue(network.numLost.get() > 0);
    }

    /** A rank that has sent its last frame leaves; the network needs longer to bring it. */
    @Test
    void shouldReceiveWhatARankSentBeforeItLeft() throws Exception {
        Network toZero = new Network(0, 0, true);
        Network toOne = new Network(0, 0, true);
        float[] sent = Leaves.treeSum(0, 0, NUM_LEAVES, 30_001);
        CountDownLatch areConnected = new CountDownLatch(2);
        CountDownLatch isCut = new CountDownLatch(1);
        try (LocalRanks ranks = new LocalRanks(2);
                MediaDriverHost zero = host(toZero);
                MediaDriverHost one = host(toOne)) {
            List<Future<Traffic>> futures = start(ranks, List.of(zero, one), collectives -> {
                boolean isRoot = collectives.world().rank() == 0;
                float[] values = isRoot ? sent : new float[sent.length];
                areConnected.countDown();
                assertTrue(isCut.await(20, TimeUnit.SECONDS));
                try (Arena arena = Arena.ofShared()) {
                    MemorySegment buffer = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
                    collectives
                            .broadcast(LABEL, 0, CollectiveBuffer.of(buffer, Float.BYTES))
                            .await();
                    assertArrayEquals(sent, buffer.toArray(ValueLayout.JAVA_FLOAT));
                }
                return collectives.traffic();
            });
            assertTrue(areConnected.await(20, TimeUnit.SECONDS));
            toOne.isCut = true;
            isCut.countDown();
            LocalRanks.get(futures.getFirst());
            Thread.sleep(1_000);
            assertTrue(!futures.getLast().isDone(), "rank 1 did not wait for what was lost");
            toOne.isCut = false;
            LocalRanks.get(futures.getLast());
            assertTrue(toOne.numLost.get() > 0);
        }
    }

    @Test
    void shouldGoOnAfterAPartition() throws Exception {
        Network network = new Network(0, 0, true);
        float[] expected = Leaves.treeSum(0, 0, NUM_LEAVES, LENGTH);
        CountDownLatch areConnected = new CountDownLatch(2);
        CountDownLatch isCut = new CountDownLatch(1);
        try (LocalRanks ranks = new LocalRanks(2);
                MediaDriverHost zero = host(network);
                MediaDriverHost one = host(network)) {
            List<Future<Traffic>> futures = start(ranks, List.of(zero, one), collectives -> {
                assertArrayEquals(expected, allReduce(collectives, 0));
                areConnected.countDown();
                assertTrue(isCut.await(20, TimeUnit.SECONDS));
                assertArrayEquals(expected, allReduce(collectives, 0));
                return collectives.traffic();
            });
            assertTrue(areConnected.await(20, TimeUnit.SECONDS));
            network.isCut = true;
            isCut.countDown();
            Thread.sleep(3_000);
            futures.forEach(future -> assertTrue(!future.isDone(), "the network was not cut"));
            network.isCut = false;
            for (Future<Traffic> future : futures) {
                LocalRanks.get(future);
            }
            assertTrue(network.numLost.get() > 0);
        }
    }
}
