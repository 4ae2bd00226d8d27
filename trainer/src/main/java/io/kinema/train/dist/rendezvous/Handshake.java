package io.kinema.train.dist.rendezvous;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.process.HostMessage;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * How both ends of a TCP connection begin: each proves to the other that it knows the run's secret, by challenge and
 * response, before anything else is said. Integers are big-endian; proofs and keys are {@link Secret#derive derived}
 * from the secret, the protocol's name and both nonces.
 *
 * <pre>
 * client → server   magic int, version int, 1 byte: whether it has a secret, nonce of 32 bytes
 * server → client   magic int, version int, 1 byte: {@link Answer}, nonce of 32 bytes
 * after PROVE
 * client → server   proof of 32 bytes
 * server → client   1 byte: {@link Answer}; after GO_ON its own proof of 32 bytes
 * </pre>
 *
 * <p>The first message of each has this form in every version. Where both have a secret all that follows goes in
 * records with a tag, by a key for each direction ({@link TaggedOutput}), so that nothing can be changed, repeated,
 * left out or put in. Nothing is encrypted.
 */
public final class Handshake {
    private static final int NONCE_BYTES = 32;
    private static final long RETRY_NANOS = 100_000_000;

    /** What is spoken after the handshake. */
    public enum Protocol {
        /** {@link RendezvousWire}. */
        RENDEZVOUS(0x4B_52_44_56, 3, "rank"),
        /** {@link HostMessage}. */
        HOSTS(0x4B_48_53_54, 3, "host");

        final int magic;
        final int version;
        private final String who;

        Protocol(int magic, int version, String who) {
            this.magic = magic;
            this.version = version;
            this.who = who;
        }
    }

    /** What a server says to a client, in the order of their bytes, from 0. */
    private enum Answer {
        /** Nobody has a secret, or both have proved theirs. */
        GO_ON,
        PROVE,
        /** Only the server has a secret, or the client's proof is not that of the same one. */
        SECRET_UNKNOWN,
        /** Only the client has a secret. */
        NO_SECRET,
        OTHER_VERSION
    }

    private static final Answer[] ANSWERS = Answer.values();

    private final DataInputStream in;
    private final DataOutputStream out;
    private final Protocol protocol;
    private final Secret secret;
    private final byte[] nonce = Secret.randomBytes(NONCE_BYTES);

    /**
     * A connection after the handshake.
     *
     * @param in what the other says
     * @param out what is said to it, at each flush
     */
    public record Connection(DataInputStream in, DataOutputStream out) {}

    private Handshake(Socket socket, Protocol protocol, Secret secret) throws IOException {
        in = new DataInputStream(socket.getInputStream());
        out = new DataOutputStream(socket.getOutputStream());
        this.protocol = protocol;
        this.secret = secret;
    }

    /**
     * Begins a connection that this process has opened.
     *
     * @param socket connected
     * @param protocol which of the two that are spoken
     * @param secret of the run
     * @return the connection, proved
     * @throws ConfigException when the secrets or the versions differ; one line
     * @throws IOException when a file or a connection fails
     */
    public static Connection asClient(Socket socket, Protocol protocol, Secret secret) throws IOException {
        return new Handshake(socket, protocol, secret)
                .greet("the launcher at " + RendezvousAddress.text(socket.getInetAddress(), socket.getPort()));
    }

    /**
     * Begins a connection that another process has opened.
     *
     * @param socket connected
     * @param protocol which of the two that are spoken
     * @param secret of the run
     * @param limit for the whole handshake, however slowly bytes come; the socket is closed then
     * @return the connection, proved
     * @throws IOException when it does not belong to the run; it has been told so
     */
    public static Connection asServer(Socket socket, Protocol protocol, Secret secret, Duration limit)
            throws IOException {
        Thread timer = Thread.ofVirtual().name("launch-handshake-limit").start(() -> closeAfter(socket, limit));
        try {
            return new Handshake(socket, protocol, secret).admit();
        } finally {
            timer.interrupt();
        }
    }

    /**
     * Waits for the next connection; what the system has not enough of for now, it will have when strangers are gone.
     *
     * @param listener that is bound
     * @return a connection
     * @throws IOException when the listener is closed
     */
    public static Socket accept(ServerSocket listener) throws IOException {
        while (true) {
            try {
                return listener.accept();
            } catch (IOException e) {
                if (listener.isClosed()) {
                    throw e;
                }
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    private static void closeAfter(Socket socket, Duration limit) {
        try {
            Thread.sleep(limit);
            socket.close();
        } catch (InterruptedException | IOException over) {
            // The handshake has ended, or the connection.
            return;
        }
    }

    private Connection greet(String server) throws IOException {
        writeHeader(secret.isNone() ? 0 : 1);
        out.write(nonce);
        out.flush();
        int version = readVersion();
        if (version != protocol.version) {
            throw new ConfigException("protocol version " + protocol.version + " of this " + protocol.who + " is not "
                    + version + " of " + server + "; start all from one build");
        }
        Answer answer = readAnswer();
        byte[] theirs = readFully(NONCE_BYTES);
        if (answer == Answer.GO_ON && secret.isNone()) {
            return new Connection(in, out);
        }
        if (answer == Answer.PROVE && !secret.isNone()) {
            Keys keys = new Keys(nonce, theirs);
            out.write(keys.proof("client"));
            out.flush();
            answer = readAnswer();
            if (answer == Answer.GO_ON
                    && MessageDigest.isEqual(keys.proof("server"), readFully(Secret.DERIVED_BYTES))) {
                return keys.connection("server", "client");
            }
        }
        throw new ConfigException(
                switch (answer) {
                    case SECRET_UNKNOWN ->
                        "this " + protocol.who + " does not know the secret of " + server
                                + (secret.isNone()
                                        ? ": it has none; give --secret-file with the launcher's file"
                                        : ", but another: it belongs to another launch, or its --secret-file is"
                                                + " not the launcher's");
                    case NO_SECRET ->
                        server + " has no secret, this " + protocol.who + " has one; give all the same --secret-file";
                    default ->
                        server + " does not prove that it knows the secret of this " + protocol.who
                                + "; give all the same --secret-file";
                });
    }

    private Connection admit() throws IOException {
        int version = readVersion();
        boolean hasSecret = in.readByte() != 0;
        byte[] theirs = readFully(NONCE_BYTES);
        // Not before all was read: closing with unread bytes resets the connection and could overtake the answer.
        if (version != protocol.version) {
            throw refusal(Answer.OTHER_VERSION);
        }
        if (secret.isNone() == hasSecret) {
            throw refusal(hasSecret ? Answer.NO_SECRET : Answer.SECRET_UNKNOWN);
        }
        writeHeader((secret.isNone() ? Answer.GO_ON : Answer.PROVE).ordinal());
        out.write(nonce);
        out.flush();
        if (secret.isNone()) {
            return new Connection(in, out);
        }
        Keys keys = new Keys(theirs, nonce);
        if (!MessageDigest.isEqual(keys.proof("client"), readFully(Secret.DERIVED_BYTES))) {
            out.writeByte(Answer.SECRET_UNKNOWN.ordinal());
            out.flush();
            throw new IOException("the " + protocol.who + " does not know the secret");
        }
        out.writeByte(Answer.GO_ON.ordinal());
        out.write(keys.proof("server"));
        out.flush();
        return keys.connection("client", "server");
    }

    private IOException refusal(Answer answer) throws IOException {
        writeHeader(answer.ordinal());
        out.write(nonce);
        out.flush();
        return new IOException("the " + protocol.who + " was told " + answer);
    }

    private void writeHeader(int fourth) throws IOException {
        out.writeInt(protocol.magic);
        out.writeInt(protocol.version);
        out.writeByte(fourth);
    }

    private int readVersion() throws IOException {
        int magic = in.readInt();
        if (magic != protocol.magic) {
            throw new RendezvousException("first bytes are " + Integer.toHexString(magic) + ", not those of a Kinema "
                    + protocol.who + "'s connection");
        }
        return in.readInt();
    }

    private Answer readAnswer() throws IOException {
        int answer = in.readUnsignedByte();
        if (answer >= ANSWERS.length) {
            throw new IOException("answer " + answer + " to a handshake is unknown; start all from one build");
        }
        return ANSWERS[answer];
    }

    private byte[] readFully(int count) throws IOException {
        byte[] bytes = new byte[count];
        in.readFully(bytes);
        return bytes;
    }

    /** What both know once they have each other's nonce. */
    private final class Keys {
        private final byte[] clientNonce;
        private final byte[] serverNonce;

        Keys(byte[] clientNonce, byte[] serverNonce) {
            this.clientNonce = clientNonce;
            this.serverNonce = serverNonce;
        }

        private Secret derive(String purpose, String role) {
            return secret.derive(protocol + " " + purpose + " " + role, clientNonce, serverNonce);
        }

        byte[] proof(String role) {
            return derive("proof of the", role).proof();
        }

        Connection connection(String from, String to) {
            return new Connection(
                    new DataInputStream(new TaggedInput(in, derive("records of the", from))),
                    new DataOutputStream(new TaggedOutput(out, derive("records of the", to))));
        }
    }
}
