package io.kinema.train.dist.process;

import io.kinema.train.dist.rendezvous.Handshake;
import io.kinema.train.dist.rendezvous.Secret;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;

/**
 * The connection between a launcher and one of its hosts, seen from either end. Each says every second that it is
 * there.
 */
final class HostLink implements AutoCloseable {
    private static final long PING_MS = 1_000;

    private final Socket socket;
    private final DataInputStream in;
    private final DataOutputStream out;
    private final Thread pings;
    private volatile Duration patience;

    private HostLink(Socket socket, Handshake.Connection connection, Duration patience) {
        this.socket = socket;
        this.patience = patience;
        in = connection.in();
        out = connection.out();
        pings = Thread.ofVirtual().name("launch-ping").unstarted(this::ping);
    }

    /** The host's end; the link owns the socket, and has closed it if the handshake fails. */
    static HostLink ofHost(Socket socket, Secret secret, Duration patience) throws IOException {
        return begin(socket, patience, () -> Handshake.asClient(socket, Handshake.Protocol.HOSTS, secret));
    }

    /** The launcher's end; the link owns the socket, and has closed it if the handshake fails. */
    static HostLink ofLauncher(Socket socket, Secret secret, Duration patience) throws IOException {
        return begin(socket, patience, () -> Handshake.asServer(socket, Handshake.Protocol.HOSTS, secret, patience));
    }

    /** One of both sides of a handshake. */
    private interface Side {
        Handshake.Connection begin() throws IOException;
    }

    private static HostLink begin(Socket socket, Duration patience, Side side) throws IOException {
        try {
            socket.setTcpNoDelay(true);
            socket.setSoTimeout(Math.toIntExact(patience.toMillis()));
            return new HostLink(socket, side.begin(), patience);
        } catch (IOException e) {
            socket.close();
            throw inWords(e, patience);
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    private static IOException inWords(IOException e, Duration patience) {
        return switch (e) {
            case SocketTimeoutException _ -> new IOException("nothing came for " + patience.toSeconds() + " s", e);
            case EOFException _ -> new IOException("the connection broke", e);
            case SocketException _ -> new IOException("the connection broke", e);
            default -> e;
        };
    }

    /** After how much silence {@link #receive} gives the other up. */
    void setPatience(Duration patience) throws IOException {
        socket.setSoTimeout(Math.toIntExact(patience.toMillis()));
        this.patience = patience;
    }

    void startPings() {
        pings.start();
    }

    private void ping() {
        try {
            while (!socket.isClosed()) {
                send(new HostMessage(HostMessage.MessageKind.PING, 0, ""));
                Thread.sleep(PING_MS);
            }
        } catch (IOException | InterruptedException gone) {
            // Whoever receives finds the connection broken too.
            return;
        }
    }

    void send(HostMessage message) throws IOException {
        synchronized (out) {
            message.writeTo(out);
        }
    }

    /**
     * Waits for the next message.
     *
     * @throws IOException when there will be none; the message says why
     */
    HostMessage receive() throws IOException {
        try {
            HostMessage message = HostMessage.readFrom(in);
            while (message.kind() == HostMessage.MessageKind.PING) {
                message = HostMessage.readFrom(in);
            }
            return message;
        } catch (IOException e) {
            throw inWords(e, patience);
        }
    }

    @Override
    public void close() throws IOException {
        pings.interrupt();
        socket.close();
    }
}
