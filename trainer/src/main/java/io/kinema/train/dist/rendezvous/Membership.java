package io.kinema.train.dist.rendezvous;

import io.kinema.data.command.ConfigException;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;

/** A rank's connection to the {@link RendezvousServer}: first how it joins, then how it hears who is gone. */
public final class Membership implements AutoCloseable {
    /** The server keeps the deadline; this much later the rank gives up on the server itself. */
    private static final Duration SERVER_GRACE = Duration.ofSeconds(10);

    private static final long RETRY_MS = 100;
    private static final long FAREWELL_MS = 2_000;

    private final Socket socket;
    private final Secret secret;
    private final Duration deadline;
    private final Departures departures = new Departures();
    private volatile boolean isLeaving;
    /** Null until this rank has joined. */
    private Thread listener;
    /** Null until this rank has joined. */
    private DataOutputStream out;

    private Secret session = Secret.NONE;

    private Membership(Socket socket, Secret secret, Duration deadline) {
        this.socket = socket;
        this.secret = secret;
        this.deadline = deadline;
    }

    /**
     * Connects to the launcher, trying again until the deadline while nobody listens there.
     *
     * @param server address of the rendezvous
     * @param secret of the run
     * @param deadline how long to try
     * @return the membership; the caller closes it
     * @throws IOException when a file or a connection fails
     */
    public static Membership connect(InetSocketAddress server, Secret secret, Duration deadline) throws IOException {
        long endNanos = System.nanoTime() + deadline.toNanos();
        while (true) {
            Socket socket = new Socket();
            try {
                socket.connect(server, Math.toIntExact(deadline.toMillis()));
                socket.setTcpNoDelay(true);
                socket.setKeepAlive(true);
                return new Membership(socket, secret, deadline);
            } catch (IOException e) {
                socket.close();
                if (System.nanoTime() >= endNanos) {
                    throw new RendezvousException(
                            "no launcher answered at " + server + " within " + deadline.toSeconds() + " s", e);
                }
            }
            pause();
        }
    }

    private static void pause() throws RendezvousException {
        try {
            Thread.sleep(RETRY_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RendezvousException("interrupted while connecting to the launcher", e);
        }
    }

    /**
     * The address by which this host reaches the launcher, and other hosts reach this one.
     *
     * @return of this host
     */
    public InetAddress localAddress() {
        return socket.getLocalAddress();
    }

    /**
     * Joins and waits for the others.
     *
     * @param identity who this rank is
     * @param host name of its media driver
     * @param udpEndpoint host:port that it receives on
     * @return all ranks of the run
     * @throws ConfigException when the launcher does not want this rank, or does not know the secret
     * @throws IOException when a file or a connection fails
     */
    public World join(RankIdentity identity, String host, String udpEndpoint) throws IOException {
        try {
            socket.setSoTimeout(Math.toIntExact(deadline.plus(SERVER_GRACE).toMillis()));
            Handshake.Connection connection = Handshake.asClient(socket, Handshake.Protocol.RENDEZVOUS, secret);
            DataInputStream in = connection.in();
            RendezvousWire.writeJoin(connection.out(), new RendezvousWire.Join(identity, host, udpEndpoint));
            byte answer = in.readByte();
            if (answer == RendezvousWire.REFUSED) {
                throw new ConfigException(in.readUTF());
            }
            if (answer == RendezvousWire.FAILED) {
                throw new RendezvousException(in.readUTF());
            }
            byte[] nonce = new byte[RendezvousWire.SESSION_NONCE_BYTES];
            in.readFully(nonce);
            World world =
                    new World(identity.rank(), identity.runId(), RendezvousWire.readPeers(in, identity.worldSize()));
            socket.setSoTimeout(0);
            session = secret.derive("session", nonce);
            out = connection.out();
            listener = Thread.ofPlatform()
                    .daemon()
                    .name("train-r" + identity.rank() + "-membership")
                    .start(() -> listen(in, world));
            return world;
        } catch (EOFException | SocketException e) {
            throw new RendezvousException(
                    "the connection of rank " + identity.rank() + " to the launcher broke before the run had begun", e);
        } catch (SocketTimeoutException e) {
            throw new RendezvousException(
                    "the launcher did not answer rank " + identity.rank() + " within "
                            + deadline.plus(SERVER_GRACE).toSeconds() + " s",
                    e);
        }
    }

    /**
     * What frames are tagged with, once this rank has joined; another one at each start of the ranks.
     *
     * @return that tags frames
     */
    public Secret session() {
        return session;
    }

    /**
     * Returns who has left since the run began.
     *
     * @return shared with the thread that listens
     */
    public Departures departures() {
        return departures;
    }

    private void listen(DataInputStream in, World world) {
        try {
            while (true) {
                byte kind = in.readByte();
                int gone = in.readInt();
                if (kind == RendezvousWire.LEFT) {
                    departures.report(gone, false, "it left the run");
                } else {
                    departures.report(gone, true, "its process ended");
                }
            }
        } catch (IOException ended) {
            if (!isLeaving) {
                departures.report(Departures.LAUNCHER, true, "its connection to rank " + world.rank() + " broke");
            }
        }
    }

    /** Says goodbye, so that the others do not take the end of this process for a crash. */
    @Override
    public void close() throws IOException {
        if (isLeaving) {
            return;
        }
        isLeaving = true;
        try (socket) {
            if (listener != null) {
                out.writeByte(RendezvousWire.GOODBYE);
                out.flush();
                // Closing with unread bytes resets the connection and could overtake the goodbye: let the
                // server close first.
                socket.shutdownOutput();
                listener.join(FAREWELL_MS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException launcherGone) {
            // Nobody is left to hear it, and departures() has told so.
            return;
        }
    }
}
