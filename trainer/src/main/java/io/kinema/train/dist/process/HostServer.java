package io.kinema.train.dist.process;

import io.kinema.train.dist.rendezvous.Handshake;
import io.kinema.train.dist.rendezvous.RendezvousAddress;
import io.kinema.train.dist.rendezvous.Secret;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Where the hosts of a run join their launcher, over TCP, and again after they were lost. Each has an index; one that
 * does not know the secret of this launch, or whose index is taken, is told so and turned away.
 */
public final class HostServer implements AutoCloseable {
    private static final Duration HELLO_LIMIT = Duration.ofSeconds(10);
    private static final int HELLO_LINES = 2;
    /** Of those that are told, so that strangers do not fill the launcher's screen. */
    private static final int MOST_REFUSALS = 32;

    private static final long POLL_MS = 20;

    private final ServerSocket listener;
    private final Secret secret;
    private final List<String> names;
    private final Duration patience;
    private final Consumer<String> onSignal;
    private final Consumer<String> onRefusal;
    private final Thread acceptor;
    // Guarded by this.
    /** By index; null until it has joined. */
    private final RemoteHost[] hosts;

    private final Set<Socket> sockets = new HashSet<>();
    private final Set<String> refusals = new HashSet<>();
    private boolean isClosed;

    private HostServer(
            ServerSocket listener,
            Secret secret,
            List<String> names,
            Duration patience,
            Consumer<String> onSignal,
            Consumer<String> onRefusal) {
        this.listener = listener;
        this.secret = secret;
        this.names = List.copyOf(names);
        this.patience = patience;
        this.onSignal = onSignal;
        this.onRefusal = onRefusal;
        hosts = new RemoteHost[names.size()];
        acceptor = Thread.ofPlatform().daemon().name("launch-hosts").unstarted(this::acceptAll);
    }

    /**
     * Listens for hosts.
     *
     * @param bind address to listen on; port 0 takes a free one
     * @param secret what hosts must know to join
     * @param names what to call the host of each index
     * @param patience after how much silence a host is lost
     * @param onSignal is told, on a thread of its own, when a host was told to stop, with the signal's name
     * @param onRefusal is told, on a thread of its own, who was turned away and why, in a line; of many the first
     * @return the running server
     * @throws IOException when the address cannot be listened on
     */
    public static HostServer start(
            InetSocketAddress bind,
            Secret secret,
            List<String> names,
            Duration patience,
            Consumer<String> onSignal,
            Consumer<String> onRefusal)
            throws IOException {
        ServerSocket listener = new ServerSocket();
        try {
            // A launcher that was started again finds connections of the one before.
            listener.setReuseAddress(true);
            listener.bind(bind, Math.max(64, names.size()));
        } catch (IOException e) {
            listener.close();
            throw new IOException("cannot listen for hosts on " + bind + ": " + e.getMessage(), e);
        }
        HostServer server = new HostServer(listener, secret, names, patience, onSignal, onRefusal);
        server.acceptor.start();
        return server;
    }

    /**
     * Returns where hosts join.
     *
     * @return host:port
     */
    public String address() {
        return RendezvousAddress.text(listener.getInetAddress(), listener.getLocalPort());
    }

    /**
     * Returns where hosts join.
     *
     * @return address and port
     */
    public InetSocketAddress socketAddress() {
        return new InetSocketAddress(listener.getInetAddress(), listener.getLocalPort());
    }

    private void acceptAll() {
        while (true) {
            try {
                Socket socket = Handshake.accept(listener);
                Thread.ofVirtual()
                        .name("launch-host-" + socket.getRemoteSocketAddress())
                        .start(() -> serve(socket));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket socket) {
        synchronized (this) {
            sockets.add(socket);
        }
        try (HostLink link = HostLink.ofLauncher(socket, secret, HELLO_LIMIT)) {
            serve(link, socket);
        } catch (IOException | NumberFormatException stranger) {
            refused(socket, stranger.getMessage());
        } finally {
            synchronized (this) {
                sockets.remove(socket);
            }
        }
    }

    private void serve(HostLink link, Socket socket) throws IOException {
        HostMessage hello = link.receive();
        List<String> lines = hello.text().lines().toList();
        String refusal = refusal(hello, lines);
        RemoteHost host = null;
        if (refusal.isEmpty()) {
            host = new RemoteHost(named(hello.number(), lines.get(1)), link, Integer.parseInt(lines.get(0)), onSignal);
            refusal = seat(hello.number(), host);
        }
        if (!refusal.isEmpty()) {
            link.send(new HostMessage(HostMessage.MessageKind.REFUSED, 0, refusal));
            refused(socket, refusal);
            return;
        }
        link.setPatience(patience);
        link.startPings();
        host.listen();
    }

    private void refused(Socket socket, String why) {
        String line = "a process at " + socket.getInetAddress().getHostAddress() + " was turned away: " + why;
        synchronized (this) {
            if (isClosed || refusals.size() == MOST_REFUSALS || !refusals.add(line)) {
                return;
            }
        }
        onRefusal.accept(line);
    }

    private String named(int index, String machine) {
        String name = names.get(index);
        return name.contains(machine) ? name : name + " (" + machine + ")";
    }

    private String refusal(HostMessage hello, List<String> lines) {
        if (hello.kind() != HostMessage.MessageKind.HELLO || lines.size() != HELLO_LINES) {
            return "that is no greeting of a host; start it from the launcher's build";
        }
        if (hello.number() < 0 || hello.number() >= hosts.length) {
            return "number " + hello.number() + " is not one of 0 to " + (hosts.length - 1)
                    + "; give all processes the same world size";
        }
        return "";
    }

    private synchronized String seat(int index, RemoteHost host) {
        if (isClosed) {
            return "the run has ended";
        }
        if (hosts[index] != null && hosts[index].isConnected()) {
            return hosts[index].name() + " has joined already; give every process a rank of its own";
        }
        hosts[index] = host;
        host.tell(new HostMessage(HostMessage.MessageKind.WELCOME, Math.toIntExact(patience.toSeconds()), ""));
        return "";
    }

    /**
     * Returns whether a host is there.
     *
     * @param index of the host
     * @return whether it has joined and was not lost
     */
    public synchronized boolean isConnected(int index) {
        return hosts[index] != null && hosts[index].isConnected();
    }

    /**
     * Returns a host.
     *
     * @param index of the host
     * @return the host; {@link #close} lets it go
     * @throws IOException when it is not there
     */
    public synchronized RemoteHost host(int index) throws IOException {
        if (!isConnected(index)) {
            throw new IOException(names.get(index) + " was lost");
        }
        return hosts[index];
    }

    /**
     * Drops a host whose program has ended.
     *
     * @param index of the host
     * @param why in words
     */
    public synchronized void lose(int index, String why) {
        if (isConnected(index)) {
            hosts[index].lose(why);
        }
    }

    /**
     * Lets all hosts go and waits until they have gone.
     *
     * @param exitCode what they exit with
     * @param limit how long to wait
     * @throws InterruptedException when the waiting thread is interrupted
     */
    public void dismiss(int exitCode, Duration limit) throws InterruptedException {
        List<RemoteHost> there;
        synchronized (this) {
            there = Arrays.stream(hosts).filter(Objects::nonNull).toList();
        }
        there.forEach(host -> host.dismiss(exitCode));
        long endNanos = System.nanoTime() + limit.toNanos();
        while (there.stream().anyMatch(RemoteHost::isConnected) && System.nanoTime() < endNanos) {
            Thread.sleep(POLL_MS);
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        synchronized (this) {
            isClosed = true;
            for (Socket socket : sockets) {
                socket.close();
            }
            for (RemoteHost host : hosts) {
                if (host != null) {
                    host.close();
                }
            }
        }
        try {
            acceptor.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
