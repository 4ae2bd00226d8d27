package io.kinema.train.dist.rendezvous;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RendezvousTest {
    private static final Duration DEADLINE = Duration.ofSeconds(10);

    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void stopThreads() {
        threads.shutdownNow();
    }

    private static RendezvousServer server(int worldSize, Duration deadline) throws IOException {
        return server(worldSize, deadline, Secret.NONE);
    }

    private static RendezvousServer server(int worldSize, Duration deadline, Secret secret) throws IOException {
        return RendezvousServer.start(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), "run-a", worldSize, deadline, secret);
    }

    private static Membership connect(RendezvousServer server) throws IOException {
        return connect(server, Secret.NONE);
    }

    private static Membership connect(RendezvousServer server, Secret secret) throws IOException {
        return Membership.connect(RendezvousAddress.parse(server.address()), secret, DEADLINE);
    }

    private static final Map<String, String> COMMON = common("OPTIMIZER");

    private static Map<String, String> common(String zero) {
        return Map.of("recipe.seed", "1", "ranks.zero", zero, "data set", "ab12");
    }

    private static RankIdentity identity(int rank) {
        return new RankIdentity(rank, 2, "run-a", COMMON);
    }

    private Future<World> joinLater(Membership membership, int rank) {
        return threads.submit(() -> membership.join(identity(rank), "host-" + rank, "127.0.0.1:4000" + rank));
    }

    private static List<Departures.News> awaitNews(Membership membership) throws InterruptedException {
        long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (membership.departures().news().isEmpty() && System.nanoTime() < endNanos) {
            Thread.sleep(5);
        }
        return membership.departures().news();
    }

    @Test
    void shouldGiveEveryRankTheSamePeers() throws Exception {
        try (RendezvousServer server = server(2, DEADLINE);
                Membership zero = connect(server);
                Membership one = connect(server)) {
            Future<World> joining = joinLater(one, 1);
            World world = zero.join(identity(0), "host-0", "127.0.0.1:40000");
            assertEquals(2, world.worldSize());
            assertEquals(
                    new World.Peer(1, "host-1", "127.0.0.1:40001"),
                    world.peers().get(1));
            assertEquals(world.peers(), joining.get(5, TimeUnit.SECONDS).peers());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            1 | 3 | run-a | OPTIMIZER | world size 3 of rank 1 is not the launcher's 2
            1 | 2 | run-b | OPTIMIZER | run id run-b of this rank is not run-a of the run at 127.0.0.1:
            0 | 2 | run-a | OPTIMIZER | rank 0 has joined run run-a already
            1 | 2 | run-a | GRADIENTS | ranks.zero GRADIENTS of rank 1 is not OPTIMIZER of rank 0; start all ranks with
            """)
    void shouldRefuseARankThatDoesNotFitAndGoOnWaiting(
            int rank, int worldSize, String runId, String stage, String reason) throws Exception {
        try (RendezvousServer server = server(2, DEADLINE);
                Membership zero = connect(server);
                Membership stranger = connect(server);
                Membership one = connect(server)) {
            Future<World> joining = joinLater(zero, 0);
            while (server.missing().contains(0) && !joining.isDone()) {
                Thread.sleep(1);
            }
            ConfigException e = assertThrows(
                    ConfigException.class,
                    () -> stranger.join(
                            new RankIdentity(rank, worldSize, runId, common(stage)), "host", "127.0.0.1:1"));
            assertTrue(e.getMessage().startsWith(reason), e.getMessage());
            assertEquals(1, e.getMessage().lines().count());
            assertFalse(joining.isDone());
            assertEquals(2, one.join(identity(1), "host-1", "127.0.0.1:40001").worldSize());
            assertEquals(2, joining.get(5, TimeUnit.SECONDS).worldSize());
        }
    }

    @Test
    void shouldRefuseARankWithoutTheSecretAndGoOnWaiting() throws Exception {
        Secret secret = Secret.random();
        try (RendezvousServer server = server(2, DEADLINE, secret);
                Membership zero = connect(server, secret);
                Membership without = connect(server);
                Membership wrong = connect(server, Secret.random())) {
            Membership one = connect(server, secret);
            Future<World> joining = joinLater(zero, 0);
            for (Membership stranger : List.of(without, wrong)) {
                ConfigException e = assertThrows(
                        ConfigException.class, () -> stranger.join(identity(1), "host-1", "127.0.0.1:40001"));
                assertTrue(
                        e.getMessage().startsWith("this rank does not know the secret of the launcher at 127.0.0.1:"),
                        e.getMessage());
            }
            assertFalse(joining.isDone());
            World world = one.join(identity(1), "host-1", "127.0.0.1:40001");
            assertEquals(world.peers(), joining.get(5, TimeUnit.SECONDS).peers());
            assertArrayEquals(one.session().proof(), zero.session().proof());
            one.close();
            assertFalse(awaitNews(zero).getFirst().crashed());
        }
    }

    @Test
    void shouldTagFramesOtherwiseAtEachStart() throws Exception {
        Secret secret = Secret.random();
        List<byte[]> sessions = new ArrayList<>();
        for (int start = 0; start < 2; start++) {
            try (RendezvousServer server = server(1, DEADLINE, secret);
                    Membership zero = connect(server, secret)) {
                zero.join(new RankIdentity(0, 1, "run-a", COMMON), "host-0", "127.0.0.1:40000");
                sessions.add(zero.session().proof());
            }
        }
        assertFalse(Arrays.equals(sessions.get(0), sessions.get(1)));
    }

    @Test
    void shouldRefuseToJoinWhereTheLauncherDoesNotKnowTheSecret() throws Exception {
        try (RendezvousServer server = server(2, DEADLINE);
                Membership zero = connect(server, Secret.random())) {
            ConfigException e =
                    assertThrows(ConfigException.class, () -> zero.join(identity(0), "host-0", "127.0.0.1:40000"));
            assertTrue(e.getMessage().endsWith(" has no secret, this rank has one; give all the same --secret-file"));
        }
    }

    /** Bytes after a rank's own, as somebody on its way may put them in. */
    @Test
    void shouldTakeARankForLostWhoseConnectionSaysWhatItDoesNot() throws Exception {
        Secret secret = Secret.random();
        try (RendezvousServer server = server(2, DEADLINE, secret);
                Membership zero = connect(server, secret);
                Socket one = new Socket()) {
            Future<World> joining = joinLater(zero, 0);
            one.connect(RendezvousAddress.parse(server.address()));
            Handshake.Connection connection = Handshake.asClient(one, Handshake.Protocol.RENDEZVOUS, secret);
            RendezvousWire.writeJoin(
                    connection.out(), new RendezvousWire.Join(identity(1), "host-1", "127.0.0.1:40001"));
            joining.get(5, TimeUnit.SECONDS);
            ByteBuffer forged = ByteBuffer.allocate(Integer.BYTES + 1 + Secret.DERIVED_BYTES);
            one.getOutputStream()
                    .write(forged.putInt(1).put(RendezvousWire.GOODBYE).array());
            Departures.News news = awaitNews(zero).getFirst();
            assertEquals(1, news.rank());
            assertTrue(news.crashed());
        }
    }

    @Test
    void shouldNotBeDisturbedByBytesThatAreNoJoin() throws Exception {
        try (RendezvousServer server = server(2, DEADLINE);
                Membership zero = connect(server);
                Membership one = connect(server);
                Socket socket = new Socket()) {
            socket.connect(RendezvousAddress.parse(server.address()));
            socket.getOutputStream().write("GET / HTTP/1.1\r\n\r\n".getBytes());
            assertEquals(-1, readQuietly(socket));
            Future<World> joining = joinLater(zero, 0);
            one.join(identity(1), "host-1", "127.0.0.1:40001");
            assertEquals(0, joining.get(5, TimeUnit.SECONDS).rank());
        }
    }

    /** The end of the stream, whether the server closed it in order or with bytes unread. */
    private static int readQuietly(Socket socket) {
        try {
            return socket.getInputStream().read();
        } catch (IOException reset) {
            return -1;
        }
    }

    @Test
    void shouldNameTheRanksThatStayedAway() throws Exception {
        try (RendezvousServer server = server(2, Duration.ofSeconds(1));
                Membership one = connect(server)) {
            RendezvousException e =
                    assertThrows(RendezvousException.class, () -> one.join(identity(1), "host-1", "127.0.0.1:40001"));
            assertTrue(e.getMessage().startsWith("after 1 s rank 0 of 2 had not joined run run-a"), e.getMessage());
        }
    }

    @Test
    void shouldCountTheDeadlineFromTheFirstRankAndTellLateOnesAtOnce() throws Exception {
        try (RendezvousServer server = server(2, Duration.ofSeconds(2))) {
            Thread.sleep(2_200);
            try (Membership zero = connect(server);
                    Membership one = connect(server)) {
                Future<World> waiting = joinLater(zero, 0);
                assertThrows(TimeoutException.class, () -> waiting.get(1, TimeUnit.SECONDS));
                assertThrows(ExecutionException.class, () -> waiting.get(5, TimeUnit.SECONDS));
                long startNanos = System.nanoTime();
                RendezvousException e = assertThrows(
                        RendezvousException.class, () -> one.join(identity(1), "host-1", "127.0.0.1:40001"));
                assertTrue(e.getMessage().startsWith("after 2 s rank 1 of 2 had not joined run run-a"), e.getMessage());
                assertTrue(System.nanoTime() - startNanos < TimeUnit.SECONDS.toNanos(2));
            }
        }
    }

    @Test
    void shouldTellTheOthersWhoLeftAndWhoCrashed() throws Exception {
        try (RendezvousServer server = server(2, DEADLINE);
                Membership zero = connect(server)) {
            Membership one = connect(server);
            Future<World> joining = joinLater(zero, 0);
            one.join(identity(1), "host-1", "127.0.0.1:40001");
            joining.get(5, TimeUnit.SECONDS);
            one.close();
            Departures.News left = awaitNews(zero).getFirst();
            assertEquals(1, left.rank());
            assertFalse(left.crashed());
        }
        try (RendezvousServer server = server(2, DEADLINE);
                Membership zero = connect(server)) {
            Socket one = new Socket();
            Future<World> joining = joinLater(zero, 0);
            one.connect(RendezvousAddress.parse(server.address()));
            RendezvousWire.writeJoin(
                    Handshake.asClient(one, Handshake.Protocol.RENDEZVOUS, Secret.NONE)
                            .out(),
                    new RendezvousWire.Join(identity(1), "host-1", "127.0.0.1:40001"));
            joining.get(5, TimeUnit.SECONDS);
            one.close();
            Departures.News crashed = awaitNews(zero).getFirst();
            assertEquals(1, crashed.rank());
            assertTrue(crashed.crashed());
        }
    }

    @Test
    void shouldTellRanksThatTheLauncherIsGone() throws Exception {
        RendezvousServer server = server(2, DEADLINE);
        try (Membership zero = connect(server);
                Membership one = connect(server)) {
            Future<World> joining = joinLater(zero, 0);
            one.join(identity(1), "host-1", "127.0.0.1:40001");
            joining.get(5, TimeUnit.SECONDS);
            server.close();
            assertEquals("the launcher", awaitNews(one).getFirst().who());
        }
    }

    @Test
    void shouldSayWhichValueOnlyOneRankHas() {
        RankIdentity older = new RankIdentity(0, 2, "run-a", Map.of("recipe.seed", "1"));
        ConfigException e = assertThrows(
                ConfigException.class,
                () -> older.requireCommon(
                        new RankIdentity(1, 2, "run-a", Map.of("recipe.seed", "1", "ranks.zero", "OPTIMIZER"))));
        assertEquals(
                "ranks.zero not known of rank 0 is not OPTIMIZER of rank 1; start all ranks with the same flags and"
                        + " data",
                e.getMessage());
    }

    @Test
    void shouldRefuseARankOutsideTheWorld() {
        ConfigException e = assertThrows(ConfigException.class, () -> new RankIdentity(2, 2, "run-a", COMMON));
        assertEquals("rank 2 is not one of 2 ranks; they are 0 to 1", e.getMessage());
    }
}
