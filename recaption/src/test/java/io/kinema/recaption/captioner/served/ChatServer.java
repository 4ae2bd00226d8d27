package io.kinema.recaption.captioner.served;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/**
 * A server of chat completions that replies as a script says, late, wrongly or in part, and keeps a record of what it
 * was asked.
 */
public final class ChatServer implements AutoCloseable {
    static final JsonMapper JSON = new JsonMapper();

    /** The clients' key. */
    static final String KEY = "sk-secret-0123456789";

    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);

    private final Function<Call, Reply> script;
    private final ServerSocket listener;
    private final Set<Socket> connections = ConcurrentHashMap.newKeySet();
    private final List<Call> calls = new ArrayList<>();
    private final List<Moment> moments = new ArrayList<>();
    private final ExecutorService threads = Executors.newThreadPerTaskExecutor(
            Thread.ofVirtual().name("test-chat-server-", 0).factory());
    private final AtomicInteger numHungUp = new AtomicInteger();
    private int inFlight;

    /**
     * A request.
     *
     * @param number how many came before it
     * @param path what was asked for
     * @param headers by their names in lower case
     */
    public record Call(int number, String path, Map<String, String> headers, JsonNode body, long arrivedNanos) {
        /** All text of the last message. */
        public String text() {
            JsonNode content =
                    body.path("messages").path(body.path("messages").size() - 1).path("content");
            return content.isTextual()
                    ? content.asText()
                    : content.path(0).path("text").asText();
        }

        String authorization() {
            return headers.getOrDefault("authorization", "");
        }
    }

    /** From then on so many requests are in flight. */
    record Moment(long nanos, int inFlight) {}

    /**
     * What a server sends.
     *
     * @param headers lines without line breaks
     * @param numSent how many of the body's bytes are sent before the connection is cut
     * @param stalls whether, instead of cutting it, the server waits for the client to hang up
     */
    public record Reply(int status, long delayMs, List<String> headers, byte[] body, int numSent, boolean stalls) {
        public static Reply json(int status, String body) {
            byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
            return new Reply(
                    status, 0, List.of("Content-Type: application/json; charset=utf-8"), bytes, bytes.length, false);
        }

        public static Reply error(int status, String message) {
            return json(
                    status,
                    JSON.createObjectNode()
                            .set("error", JSON.createObjectNode().put("message", message))
                            .toString());
        }

        /** What a model has written, of which 7 tokens were the question and 3 the answer. */
        public static Reply text(String text) {
            return choice(text, "stop", "");
        }

        public static Reply choice(String content, String finishReason, String refusal) {
            var choice = JSON.createObjectNode().put("index", 0).put("finish_reason", finishReason);
            var message = choice.putObject("message").put("role", "assistant").put("content", content);
            if (!refusal.isEmpty()) {
                message.putNull("content").put("refusal", refusal);
            }
            var root = JSON.createObjectNode();
            root.putArray("choices").add(choice);
            root.putObject("usage").put("prompt_tokens", 7).put("completion_tokens", 3);
            return json(200, root.toString());
        }

        Reply after(long ms) {
            return new Reply(status, ms, headers, body, numSent, stalls);
        }

        public Reply with(String header) {
            List<String> more = new ArrayList<>(headers);
            more.add(header);
            return new Reply(status, delayMs, more, body, numSent, stalls);
        }

        public Reply ofType(String type) {
            return new Reply(status, delayMs, List.of("Content-Type: " + type), body, numSent, stalls);
        }

        /** Ends in the middle of its body; of nothing, before its first byte. */
        public Reply cutAfter(int numBytes) {
            return new Reply(status, delayMs, headers, body, numBytes, false);
        }

        public Reply stallAfter(int numBytes) {
            return new Reply(status, delayMs, headers, body, numBytes, true);
        }
    }

    public ChatServer(Function<Call, Reply> script) throws IOException {
        this.script = script;
        listener = new ServerSocket(0, 1024, InetAddress.getLoopbackAddress());
        threads.submit(this::acceptAll);
    }

    /** Replies to call number n with the n-th, and to all further ones with the last. */
    static ChatServer saying(Reply... replies) throws IOException {
        return new ChatServer(call -> replies[Math.min(call.number(), replies.length - 1)]);
    }

    public String url() {
        return "http://127.0.0.1:" + listener.getLocalPort() + "/v1";
    }

    /** Settings of a client with a key in the variable KEY. */
    ChatSettings settings(int concurrency, int retries, double timeoutSeconds) {
        var limits = new ChatSettings.Limits(concurrency, 0, retries, timeoutSeconds);
        return new ChatSettings(url(), "test-model", "KEY", "", limits, new ChatSettings.Price(2, 10));
    }

    /** A client that returns soon after a failure. */
    static ChatClient client(ChatSettings settings) {
        return new ChatClient(settings, Map.of("KEY", KEY), new Backoff(4, 20));
    }

    static ChatRequest question(String text) {
        return new ChatRequest("", text, List.of(), 50, 0, 0);
    }

    public synchronized List<Call> calls() {
        return List.copyOf(calls);
    }

    /** How many clients have hung up in the middle of a reply that stalled. */
    int numHungUp() {
        return numHungUp.get();
    }

    synchronized List<Moment> moments() {
        return List.copyOf(moments);
    }

    /** Waits until so many requests are in flight. */
    synchronized void awaitInFlight(int count) throws InterruptedException {
        long deadlineNanos = System.nanoTime() + PATIENCE_NANOS;
        while (inFlight != count) {
            awaitNews(deadlineNanos, inFlight + " requests in flight, not " + count);
        }
    }

    /** Waits until so many requests have come. */
    synchronized void awaitCalls(int count) throws InterruptedException {
        long deadlineNanos = System.nanoTime() + PATIENCE_NANOS;
        while (calls.size() < count) {
            awaitNews(deadlineNanos, calls.size() + " requests have come, not " + count);
        }
    }

    private void awaitNews(long deadlineNanos, String problem) throws InterruptedException {
        long leftMs = (deadlineNanos - System.nanoTime()) / 1_000_000;
        if (leftMs <= 0) {
            throw new AssertionError(problem);
        }
        wait(leftMs);
    }

    private void acceptAll() {
        while (true) {
            try {
                Socket socket = listener.accept();
                connections.add(socket);
                threads.submit(() -> serve(socket));
            } catch (SocketException closed) {
                return;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            socket.setTcpNoDelay(true);
            InputStream in = new BufferedInputStream(socket.getInputStream());
            while (true) {
                String requestLine = line(in);
                if (requestLine.isEmpty()) {
                    return;
                }
                Map<String, String> headers = new TreeMap<>();
                for (String line = line(in); !line.isEmpty(); line = line(in)) {
                    int colon = line.indexOf(':');
                    headers.put(
                            line.substring(0, colon).toLowerCase(Locale.ROOT),
                            line.substring(colon + 1).strip());
                }
                byte[] body = in.readNBytes(Integer.parseInt(headers.get("content-length")));
                Reply reply = script.apply(record(requestLine.split(" ")[1], headers, JSON.readTree(body)));
                if (reply.delayMs() > 0) {
                    Thread.sleep(reply.delayMs());
                }
                // Before the bytes go out: the client may be back at once.
                left();
                boolean isWhole = send(reply, socket.getOutputStream());
                if (reply.stalls() && in.read() < 0) {
                    numHungUp.incrementAndGet();
                }
                if (!isWhole) {
                    return;
                }
            }
        } catch (IOException | InterruptedException gone) {
            return;
        } finally {
            connections.remove(socket);
        }
    }

    private synchronized Call record(String path, Map<String, String> headers, JsonNode body) {
        Call call = new Call(calls.size(), path, headers, body, System.nanoTime());
        calls.add(call);
        moments.add(new Moment(call.arrivedNanos(), ++inFlight));
        notifyAll();
        return call;
    }

    private synchronized void left() {
        moments.add(new Moment(System.nanoTime(), --inFlight));
        notifyAll();
    }

    private static boolean send(Reply reply, OutputStream out) throws IOException {
        if (reply.numSent() == 0) {
            return false;
        }
        StringBuilder head = new StringBuilder("HTTP/1.1 " + reply.status() + " Scripted\r\n");
        reply.headers().forEach(header -> head.append(header).append("\r\n"));
        head.append("Content-Length: ").append(reply.body().length).append("\r\n\r\n");
        byte[] start = head.toString().getBytes(StandardCharsets.ISO_8859_1);
        byte[] all = Arrays.copyOf(start, start.length + reply.numSent());
        System.arraycopy(reply.body(), 0, all, start.length, reply.numSent());
        out.write(all);
        out.flush();
        return reply.numSent() == reply.body().length;
    }

    private static String line(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c >= 0 && c != '\n'; c = in.read()) {
            if (c != '\r') {
                line.append((char) c);
            }
        }
        return line.toString();
    }

    @Override
    public void close() throws IOException {
        listener.close();
        threads.shutdownNow();
        for (Socket socket : connections) {
            socket.close();
        }
        threads.close();
    }
}
