package io.kinema.train.dist.rendezvous;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class HandshakeTest {
    private static final Handshake.Protocol PROTOCOL = Handshake.Protocol.RENDEZVOUS;
    private static final int TIMEOUT_MS = 5_000;
    /** Magic, version, a byte and a nonce; then a proof. */
    private static final int CLIENT_BYTES = 4 + 4 + 1 + 32 + 32;
    /** The same, with a byte before the proof. */
    private static final int SERVER_BYTES = 4 + 4 + 1 + 32 + 1 + 32;

    private static final Duration LIMIT = Duration.ofSeconds(5);

    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void stopThreads() {
        threads.shutdownNow();
    }

    private static Secret secret(String text) {
        return Secret.of(text.getBytes(StandardCharsets.UTF_8));
    }

    private static ServerSocket listen() throws IOException {
        return new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    }

    private static Socket connect(ServerSocket listener) throws IOException {
        Socket socket = new Socket(listener.getInetAddress(), listener.getLocalPort());
        socket.setSoTimeout(TIMEOUT_MS);
        return socket;
    }

    /** A server that gives back the first message, in capitals. */
    private Future<String> serve(ServerSocket listener, Handshake.Protocol protocol, Secret secret) {
        return threads.submit(() -> {
            try (Socket socket = listener.accept()) {
                socket.setSoTimeout(TIMEOUT_MS);
                Handshake.Connection connection = Handshake.asServer(socket, protocol, secret, LIMIT);
                String text = connection.in().readUTF();
                connection.out().writeUTF(text.toUpperCase());
                connection.out().flush();
                return text;
            }
        });
    }

    private static String ask(Socket socket, Handshake.Protocol protocol, Secret secret) throws IOException {
        Handshake.Connection connection = Handshake.asClient(socket, protocol, secret);
        connection.out().writeUTF("join");
        connection.out().flush();
        return connection.in().readUTF();
    }

    @ParameterizedTest
    @EnumSource(Handshake.Protocol.class)
    void shouldCarryMessagesBothWaysWhenBothKnowTheSecretOrHaveNone(Handshake.Protocol protocol) throws Exception {
        for (Secret secret : new Secret[] {secret("the secret of the run"), Secret.NONE}) {
            try (ServerSocket listener = listen();
                    Socket socket = connect(listener)) {
                Future<String> server = serve(listener, protocol, secret);
                assertEquals("JOIN", ask(socket, protocol, secret));
                assertEquals("join", server.get(5, TimeUnit.SECONDS));
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            right |       | this rank does not know the secret of the launcher at 127.0.0.1:PORT: it has none; \
            give --secret-file with the launcher's file
            right | wrong | this rank does not know the secret of the launcher at 127.0.0.1:PORT, but another: \
            it belongs to another launch, or its --secret-file is not the launcher's
                  | right | the launcher at 127.0.0.1:PORT has no secret, this rank has one; give all the same \
            --secret-file
            """)
    void shouldSayInOneLineWhoDoesNotKnowTheSecret(String ofServer, String ofClient, String expected) throws Exception {
        try (ServerSocket listener = listen();
                Socket socket = connect(listener)) {
            Future<String> server = serve(listener, PROTOCOL, ofServer == null ? Secret.NONE : secret(ofServer));
            ConfigException refusal = assertThrows(
                    ConfigException.class,
                    () -> ask(socket, PROTOCOL, ofClient == null ? Secret.NONE : secret(ofClient)));
            assertEquals(expected.replace("PORT", "" + listener.getLocalPort()), refusal.getMessage());
            ExecutionException e = assertThrows(ExecutionException.class, () -> server.get(5, TimeUnit.SECONDS));
            assertTrue(e.getCause() instanceof IOException, e.toString());
        }
    }

    /** A byte now and then would hold a limit for each read off for ever. */
    @Test
    void shouldCloseAConnectionWhoseHandshakeTakesTooLong() throws Exception {
        try (ServerSocket listener = listen();
                Socket socket = connect(listener)) {
            Future<?> server = threads.submit(() -> {
                try (Socket accepted = listener.accept()) {
                    Handshake.asServer(accepted, PROTOCOL, Secret.NONE, Duration.ofMillis(300));
                    return null;
                }
            });
            threads.submit(() -> {
                while (!server.isDone()) {
                    socket.getOutputStream().write(0x4B);
                    Thread.sleep(50);
                    socket.getOutputStream().flush();
                }
                return null;
            });
            ExecutionException e = assertThrows(ExecutionException.class, () -> server.get(5, TimeUnit.SECONDS));
            assertTrue(e.getCause() instanceof IOException, e.toString());
        }
    }

    @Test
    void shouldRefuseAnotherVersionOnEitherSide() throws Exception {
        try (ServerSocket listener = listen();
                Socket socket = connect(listener)) {
            Future<?> server = threads.submit(() -> {
                try (Socket accepted = listener.accept()) {
                    DataOutputStream out = new DataOutputStream(accepted.getOutputStream());
                    out.writeInt(PROTOCOL.magic);
                    out.writeInt(99);
                    return accepted.getInputStream().readNBytes(CLIENT_BYTES - 32);
                }
            });
            ConfigException e =
                    assertThrows(ConfigException.class, () -> Handshake.asClient(socket, PROTOCOL, Secret.NONE));
            assertTrue(e.getMessage()
                    .startsWith(
                            "protocol version " + PROTOCOL.version + " of this rank is not 99 of the launcher at "));
            server.get(5, TimeUnit.SECONDS);
        }
        try (ServerSocket listener = listen();
                Socket socket = connect(listener)) {
            Future<String> server = serve(listener, PROTOCOL, Secret.NONE);
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            out.writeInt(PROTOCOL.magic);
            out.writeInt(99);
            out.write(new byte[1 + 32]);
            assertThrows(ExecutionException.class, () -> server.get(5, TimeUnit.SECONDS));
            byte[] answer = socket.getInputStream().readNBytes(8);
            assertEquals(PROTOCOL.version, answer[7]);
        }
    }

    /** Stands between both ends, keeps what passes in each direction, and flips the lowest bit of one byte. */
    private final class Tap {
        private final ByteArrayOutputStream fromClient = new ByteArrayOutputStream();
        private final ByteArrayOutputStream fromServer = new ByteArrayOutputStream();

        Tap(ServerSocket front, ServerSocket back, int flipFromClient, int flipFromServer) {
            threads.submit(() -> {
                Socket client = front.accept();
                Socket server = connect(back);
                threads.submit(() -> pass(client, server, fromClient, flipFromClient));
                pass(server, client, fromServer, flipFromServer);
                return 0;
            });
        }

        private int pass(Socket from, Socket to, ByteArrayOutputStream seen, int flip) throws IOException {
            try (from;
                    to) {
                InputStream in = from.getInputStream();
                OutputStream out = to.getOutputStream();
                for (int value = in.read(); value >= 0; value = in.read()) {
                    synchronized (seen) {
                        int passed = seen.size() == flip ? value ^ 1 : value;
                        seen.write(passed);
                        out.write(passed);
                    }
                }
                return 0;
            }
        }

        byte[] seenFromClient() {
            synchronized (fromClient) {
                return fromClient.toByteArray();
            }
        }
    }

    @Test
    void shouldGoOnOnlyWhenEveryByteOfTheHandshakeIsAsItWasSent() throws Exception {
        Secret secret = secret("the secret of the run");
        for (int at = -1; at < CLIENT_BYTES + SERVER_BYTES; at++) {
            try (ServerSocket front = listen();
                    ServerSocket back = listen();
                    Socket socket = connect(front)) {
                serve(back, PROTOCOL, secret);
                new Tap(front, back, at < CLIENT_BYTES ? at : -1, at < CLIENT_BYTES ? -1 : at - CLIENT_BYTES);
                if (at < 0) {
                    assertEquals("JOIN", ask(socket, PROTOCOL, secret));
                } else {
                    Exception e = assertThrows(Exception.class, () -> ask(socket, PROTOCOL, secret), "byte " + at);
                    assertTrue(e instanceof ConfigException || e instanceof IOException, at + ": " + e);
                    assertFalse(e instanceof SocketTimeoutException, "byte " + at + " was waited for");
                }
            }
        }
    }

    @Test
    void shouldNotBeFooledByWhatAnotherConnectionHasSaid() throws Exception {
        Secret secret = secret("0123456789abcdef0123456789abcdef");
        byte[] overheard;
        try (ServerSocket front = listen();
                ServerSocket back = listen();
                Socket socket = connect(front)) {
            serve(back, PROTOCOL, secret);
            Tap tap = new Tap(front, back, -1, -1);
            assertEquals("JOIN", ask(socket, PROTOCOL, secret));
            overheard = tap.seenFromClient();
        }
        assertTrue(overheard.length > CLIENT_BYTES);
        String heard = new String(overheard, StandardCharsets.ISO_8859_1);
        assertTrue(heard.contains("join"));
        assertFalse(heard.contains("0123456789abcdef") || heard.contains(secret.toHex()));
        try (ServerSocket listener = listen();
                Socket replay = connect(listener)) {
            Future<String> server = serve(listener, PROTOCOL, secret);
            replay.getOutputStream().write(overheard);
            ExecutionException e = assertThrows(ExecutionException.class, () -> server.get(5, TimeUnit.SECONDS));
            assertEquals("the rank does not know the secret", e.getCause().getMessage());
        }
    }

    @Test
    void shouldNotTakeOneProtocolForTheOther() throws Exception {
        Secret secret = secret("the secret of the run");
        try (ServerSocket listener = listen();
                Socket socket = connect(listener)) {
            Future<String> server = serve(listener, Handshake.Protocol.HOSTS, secret);
            assertThrows(IOException.class, () -> ask(socket, Handshake.Protocol.RENDEZVOUS, secret));
            assertThrows(ExecutionException.class, () -> server.get(5, TimeUnit.SECONDS));
        }
    }

    private static byte[] records(Secret key, String... texts) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(new TaggedOutput(bytes, key))) {
            for (String text : texts) {
                out.writeUTF(text);
                out.flush();
            }
        }
        return bytes.toByteArray();
    }

    private static String read(Secret key, byte[] bytes) throws IOException {
        try (InputStream in = new TaggedInput(new ByteArrayInputStream(bytes), key)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void shouldGiveNoByteOfARecordThatWasChangedRepeatedOrCut() throws Exception {
        Secret key = secret("key of a direction");
        byte[] one = records(key, "first");
        byte[] both = records(key, "first", "other");
        assertEquals("\0\5first\0\5other", read(key, both));
        for (int bit = 0; bit < 8 * one.length; bit++) {
            byte[] changed = one.clone();
            changed[bit / 8] ^= (byte) (1 << bit % 8);
            assertThrows(IOException.class, () -> read(key, changed), "bit " + bit);
        }
        for (int length = 1; length < one.length; length++) {
            byte[] cut = Arrays.copyOf(one, length);
            assertThrows(IOException.class, () -> read(key, cut), length + " bytes");
        }
        byte[] repeated = Arrays.copyOf(one, 2 * one.length);
        System.arraycopy(one, 0, repeated, one.length, one.length);
        IOException e = assertThrows(IOException.class, () -> read(key, repeated));
        assertTrue(e.getMessage().startsWith("record 1 of the connection does not have the tag"), e.getMessage());
        byte[] withoutFirst = Arrays.copyOfRange(both, one.length, both.length);
        assertThrows(IOException.class, () -> read(key, withoutFirst));
        assertThrows(IOException.class, () -> read(secret("key of the other direction"), one));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 16, 100})
    void shouldKeepASecretThroughAPipeAndNotPrintIt(int length) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) 0xAB);
        Secret secret = Secret.of(bytes);
        assertArrayEquals(
                secret.derive("x").proof(),
                Secret.ofHex(secret.toHex()).derive("x").proof());
        assertEquals("a secret", secret.toString());
        assertTrue(Secret.ofHex("").isNone());
    }
}
