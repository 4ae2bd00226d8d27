package io.kinema.train.dist.rendezvous;

import io.kinema.data.command.ConfigException;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * Where the ranks of a run find each other; runs in the launcher.
 *
 * <p>Ranks join over TCP and wait until all are there or a deadline passes; a process that does not belong, or does not
 * know the run's secret, is told why in one line and turned away, and the others go on waiting. The deadline counts
 * from the first that joins, as programs may be slow to start. The connections stay open for the length of the run:
 * when one breaks, all other ranks are told within milliseconds.
 *
 * <p>Close it when every rank has ended; ranks take its disappearance for the end of the run.
 */
public final class RendezvousServer implements AutoCloseable {
    /** A process that connects and does not join is dropped after this long. */
    private static final Duration JOIN_LIMIT = Duration.ofSeconds(10);

    private final ServerSocket listener;
    private final String runId;
    private final int worldSize;
    private final Duration deadline;
    private final Secret secret;
    private final byte[] sessionNonce = Secret.randomBytes(RendezvousWire.SESSION_NONCE_BYTES);
    private final Thread acceptor;
    private final Thread timer;

    // Guarded by this.
    private final Member[] members;
    private final List<Socket> sockets = new ArrayList<>();
    private boolean isComplete;
    private boolean isClosed;
    private boolean hasBegun;
    private long beganNanos;
    /** Why the world will not come together; empty while it may. */
    private String failure = "";

    /**
     * A rank that has joined.
     *
     * @param join what it said
     * @param out the way back to it
     */
    private record Member(RendezvousWire.Join join, DataOutputStream out) {}

    private RendezvousServer(ServerSocket listener, String runId, int worldSize, Duration deadline, Secret secret) {
        this.listener = listener;
        this.runId = runId;
        this.worldSize = worldSize;
        this.deadline = deadline;
        this.secret = secret;
        members = new Member[worldSize];
        acceptor = Thread.ofPlatform().daemon().name("launch-rendezvous").unstarted(this::acceptAll);
        timer = Thread.ofPlatform().daemon().name("launch-rendezvous-deadline").unstarted(this::awaitDeadline);
    }

    /**
     * Listens for the ranks of a run.
     *
     * @param bind address to listen on; port 0 takes a free one
     * @param runId the run
     * @param worldSize how many ranks make it complete
     * @param deadline how long the first rank waits for all of them
     * @param secret that ranks must know
     * @return the running server
     * @throws IOException when the address cannot be listened on
     */
    public static RendezvousServer start(
            InetSocketAddress bind, String runId, int worldSize, Duration deadline, Secret secret) throws IOException {
        ServerSocket listener = new ServerSocket();
        try {
            listener.bind(bind, Math.max(64, worldSize));
        } catch (IOException e) {
            listener.close();
            throw new IOException("cannot listen for ranks on " + bind + ": " + e.getMessage(), e);
        }
        RendezvousServer server = new RendezvousServer(listener, runId, worldSize, deadline, secret);
        server.acceptor.start();
        server.timer.start();
        return server;
    }

    /**
     * Returns where to join.
     *
     * @return host:port, to be given to the ranks
     */
    public String address() {
        return RendezvousAddress.text(listener.getInetAddress(), listener.getLocalPort());
    }

    private void acceptAll() {
        while (true) {
            Socket socket;
            try {
                socket = Handshake.accept(listener);
            } catch (IOException closed) {
                return;
            }
            synchronized (this) {
                sockets.add(socket);
            }
            Thread.ofVirtual()
                    .name("launch-rendezvous-" + socket.getRemoteSocketAddress())
                    .start(() -> serve(socket));
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            socket.setTcpNoDelay(true);
            socket.setKeepAlive(true);
            socket.setSoTimeout(Math.toIntExact(JOIN_LIMIT.toMillis()));
            Handshake.Connection connection =
                    Handshake.asServer(socket, Handshake.Protocol.RENDEZVOUS, secret, JOIN_LIMIT);
            DataInputStream in = connection.in();
            DataOutputStream out = connection.out();
            Member member;
            try {
                member = new Member(admissible(in), out);
                register(member);
            } catch (ConfigException refusal) {
                RendezvousWire.writeReason(out, RendezvousWire.REFUSED, refusal.getMessage());
                return;
            }
            socket.setSoTimeout(0);
            depart(member, hasSaidGoodbye(in));
        } catch (IOException e) {
            // The process is gone or was never one of ours: there is nobody left to tell.
            return;
        } finally {
            synchronized (this) {
                sockets.remove(socket);
            }
        }
    }

    private RendezvousWire.Join admissible(DataInputStream in) throws IOException {
        RendezvousWire.Join join = RendezvousWire.readJoin(in);
        RankIdentity identity = join.identity();
        if (!identity.runId().equals(runId)) {
            throw new ConfigException("run id " + identity.runId() + " of this rank is not " + runId + " of the run at "
                    + address() + "; give it the address of its own launcher");
        }
        if (identity.worldSize() != worldSize) {
            throw new ConfigException("world size " + identity.worldSize() + " of rank " + identity.rank()
                    + " is not the launcher's " + worldSize + "; start all ranks with the same --nodes");
        }
        return join;
    }

    private synchronized void register(Member member) throws IOException {
        RankIdentity identity = member.join().identity();
        if (members[identity.rank()] != null) {
            throw new ConfigException("rank " + identity.rank() + " has joined run " + runId
                    + " already; give every process a rank of its own");
        }
        for (Member other : members) {
            if (other != null) {
                identity.requireCommon(other.join().identity());
            }
        }
        members[identity.rank()] = member;
        if (!failure.isEmpty()) {
            tell(member, out -> RendezvousWire.writeReason(out, RendezvousWire.FAILED, failure));
            return;
        }
        if (!hasBegun) {
            hasBegun = true;
            beganNanos = System.nanoTime();
            notifyAll();
        }
        if (missing().isEmpty()) {
            isComplete = true;
            notifyAll();
            List<World.Peer> peers = new ArrayList<>();
            for (Member m : members) {
                peers.add(new World.Peer(
                        m.join().identity().rank(), m.join().host(), m.join().udpEndpoint()));
            }
            for (Member m : members) {
                tell(m, out -> RendezvousWire.writeWorld(out, sessionNonce, peers));
            }
        }
    }

    private static boolean hasSaidGoodbye(DataInputStream in) {
        try {
            return in.readByte() == RendezvousWire.GOODBYE;
        } catch (IOException broken) {
            // It has ended, or somebody else has written to its connection.
            return false;
        }
    }

    private synchronized void depart(Member member, boolean orderly) throws IOException {
        int rank = member.join().identity().rank();
        members[rank] = null;
        if (!isComplete || isClosed) {
            return;
        }
        for (Member other : members) {
            if (other != null) {
                tell(other, out -> {
                    out.writeByte(orderly ? RendezvousWire.LEFT : RendezvousWire.CRASHED);
                    out.writeInt(rank);
                    out.flush();
                });
            }
        }
    }

    private void awaitDeadline() {
        synchronized (this) {
            while (!isComplete && !isClosed) {
                long waitedNanos = hasBegun ? System.nanoTime() - beganNanos : 0;
                long leftMs = TimeUnit.NANOSECONDS.toMillis(deadline.toNanos() - waitedNanos);
                if (leftMs <= 0) {
                    giveUp();
                    return;
                }
                try {
                    wait(leftMs);
                } catch (InterruptedException closed) {
                    return;
                }
            }
        }
    }

    private void giveUp() {
        failure = "after " + deadline.toSeconds() + " s rank "
                + missing().stream().map(Object::toString).collect(Collectors.joining(", ")) + " of " + worldSize
                + " had not joined run " + runId + "; see the logs of the missing ranks";
        for (Member member : members) {
            if (member != null) {
                tell(member, out -> RendezvousWire.writeReason(out, RendezvousWire.FAILED, failure));
            }
        }
    }

    /** The ranks that have not joined yet. */
    synchronized List<Integer> missing() {
        List<Integer> ranks = new ArrayList<>();
        for (int r = 0; r < worldSize; r++) {
            if (members[r] == null) {
                ranks.add(r);
            }
        }
        return ranks;
    }

    /** Something to write to a rank. */
    private interface Telling {
        void writeTo(DataOutputStream out) throws IOException;
    }

    private static void tell(Member member, Telling telling) {
        try {
            telling.writeTo(member.out());
        } catch (IOException broken) {
            // Its own serving thread reads the end of the stream and announces the departure.
            return;
        }
    }

    @Override
    public void close() throws IOException {
        synchronized (this) {
            isClosed = true;
            notifyAll();
        }
        listener.close();
        List<Socket> open;
        synchronized (this) {
            open = List.copyOf(sockets);
        }
        for (Socket socket : open) {
            socket.close();
        }
        try {
            acceptor.join();
            timer.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
