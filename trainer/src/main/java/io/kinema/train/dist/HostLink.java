package io.kinema.train.dist;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;

/** The connection between a launcher and one of its hosts, seen from either end. Each says every second that it is there. */
final class HostLink implements AutoCloseable {
    static final int VERSION = 1;

    private static final long PING_MS = 1_000;

    private final Socket socket;
    private final DataInputStream in;
    private final DataOutputStream out;
    private final Thread pings;

    HostLink(Socket socket) throws IOException {
        this.socket = socket;
        socket.setTcpNoDelay(true);
        in = new DataInputStream(socket.getInputStream());
        out = new DataOutputStream(socket.getOutputStream());
        pings = Thread.ofVirtual().name("launch-ping").unstarted(this::ping);
    }

    /** After how much silence {@link #receive} gives the other up. */
    void setPatience(Duration patience) throws IOException {
        socket.setSoTimeout(Math.toIntExact(patience.toMillis()));
    }

    void startPings() {
        pings.start();
    }

    private void ping() {
        try {
            while (!socket.isClosed()) {
                send(new HostMessage(HostMessage.Kind.PING, 0, ""));
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
            while (message.kind() == HostMessage.Kind.PING) {
                message = HostMessage.readFrom(in);
            }
            return message;
        } catch (SocketTimeoutException silent) {
            throw new IOException("nothing came for " + socket.getSoTimeout() / 1000 + " s", silent);
        } catch (EOFException | SocketException ended) {
            throw new IOException("the connection broke", ended);
        }
    }

    @Override
    public void close() throws IOException {
        pings.interrupt();
        socket.close();
    }
}
