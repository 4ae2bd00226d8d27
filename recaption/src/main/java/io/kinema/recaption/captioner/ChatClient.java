package io.kinema.recaption.captioner;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import javax.net.ssl.SSLException;

/**
 * Asks a server that speaks OpenAI's chat completions ({@code POST url/chat/completions}), such as vLLM, Ollama or a hosted one. Any number of threads may ask at once; the limits hold
 * for all of them together.
 *
 * <p>A request that fails by the server's or the network's fault (408, 429, 5xx, no connection, one that breaks, a reply that is late or makes no sense) is sent again, later and later;
 * one that the server refuses is answered with a problem. What no request can succeed with is the user's to mend. Redirects are not followed: they would take the key elsewhere.
 */
public final class ChatClient implements AutoCloseable {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
    private static final long LONGEST_REPLY_BYTES = 16 << 20;

    /** Asks nothing, to see whether a server is there. */
    private static final ChatRequest PING = new ChatRequest("", "Reply with: yes", List.of(), 8, 0, 0);

    private final ChatSettings settings;
    private final ApiKey key;
    private final Backoff backoff;
    private final ChatBodies bodies;
    private final ChatReplyReader replies;
    private final Pace pace;
    private final Semaphore inFlight;
    private final Semaphore admitted;
    private final ThreadFactory askers =
            Thread.ofVirtual().name("recaption-chat-", 0).factory();
    private final ExecutorService httpThreads = Executors.newThreadPerTaskExecutor(
            Thread.ofVirtual().name("recaption-http-", 0).factory());
    private final HttpClient http;
    private final LongAdder requests = new LongAdder();
    private final LongAdder retries = new LongAdder();
    private final LongAdder promptTokens = new LongAdder();
    private final LongAdder completionTokens = new LongAdder();
    private final LongAdder uncounted = new LongAdder();
    private volatile boolean isClosed;

    /**
     * Makes a client; nothing is sent yet. The key is looked for here, in the process that asks.
     *
     * @param settings which server, and how much is asked of it
     * @throws io.kinema.data.ConfigException if there should be a key and it cannot be had
     */
    public ChatClient(ChatSettings settings) {
        this(settings, System.getenv(), Backoff.USUAL);
    }

    ChatClient(ChatSettings settings, Map<String, String> environment, Backoff backoff) {
        this.settings = settings;
        this.backoff = backoff;
        key = ApiKey.find(settings, environment);
        bodies = new ChatBodies(settings.model());
        replies = new ChatReplyReader(settings, key);
        pace = new Pace(settings.limits().requestsPerMinute());
        inFlight = new Semaphore(settings.limits().concurrency(), true);
        // As many again are made ready meanwhile, so that there is always one to send; more would only take memory.
        admitted = new Semaphore(2 * settings.limits().concurrency(), true);
        http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(min(CONNECT_TIMEOUT, timeout()))
                .executor(httpThreads)
                .build();
    }

    /**
     * What became of a question.
     *
     * @param answer to it
     * @param isServersFault whether the last try failed by the server's or the network's fault
     * @param isUnreachable whether there was not even a connection
     */
    private record Asked(Answer answer, boolean isServersFault, boolean isUnreachable) {}

    /**
     * Asks one question.
     *
     * @param request the question
     * @return the reply's text without white space at either end, how sure the model was of it, and what is wrong with it, if anything
     * @throws io.kinema.data.ConfigException if the user has to change something: a key that is refused, a model that is not there
     * @throws IOException if the server is not there, or the thread was interrupted
     */
    public Answer ask(ChatRequest request) throws IOException {
        return askAll(List.of(() -> request)).getFirst();
    }

    /**
     * Asks questions, as many at once as the limits allow. After a failure that no question can escape, those that wait are not sent.
     *
     * @param questions each is made shortly before it is sent, in a thread of its own
     * @return a reply to each, in their order
     * @throws io.kinema.data.ConfigException if the user has to change something: a key that is refused, a model that is not there
     * @throws IOException if the server is not there, or the thread was interrupted
     */
    public List<Answer> askAll(List<? extends Supplier<ChatRequest>> questions) throws IOException {
        if (questions.isEmpty()) {
            return List.of();
        }
        Asked[] asked = new Asked[questions.size()];
        // Closing it waits for the threads to end, also after they were told to stop.
        try (ExecutorService threads = Executors.newThreadPerTaskExecutor(askers)) {
            var finished = new ExecutorCompletionService<Void>(threads);
            for (int i = 0; i < asked.length; i++) {
                int index = i;
                finished.submit(() -> {
                    asked[index] = askPatiently(questions.get(index));
                    return null;
                });
            }
            try {
                for (int i = 0; i < asked.length; i++) {
                    finished.take().get();
                }
                requireServer(asked);
            } catch (ExecutionException e) {
                threads.shutdownNow();
                throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e.getCause());
            } catch (InterruptedException e) {
                threads.shutdownNow();
                Thread.currentThread().interrupt();
                InterruptedIOException stopped =
                        new InterruptedIOException("interrupted while " + settings.completions() + " was being asked");
                stopped.initCause(e);
                throw stopped;
            }
        }
        return Arrays.stream(asked).map(Asked::answer).toList();
    }

    /**
     * What was used since the client was made.
     *
     * @return counts that were right at one moment or another of this call
     */
    public ChatUsage usage() {
        ChatSettings.Price price = settings.price();
        long prompt = promptTokens.sum();
        long completion = completionTokens.sum();
        double cost = (prompt * price.promptPerMillion() + completion * price.completionPerMillion()) / 1e6;
        return new ChatUsage(requests.sum(), retries.sum(), prompt, completion, uncounted.sum(), cost);
    }

    /** Breaks off what is in flight. Questions that are asked after this, or wait, get an {@link IllegalStateException}. */
    @Override
    public void close() {
        isClosed = true;
        http.shutdownNow();
        http.close();
        httpThreads.close();
    }

    /**
     * Where all questions failed by the server's fault, or one found nobody there, the fault may yet be in the questions. Whether the server answers an easy one decides: if not, no
     * question shall be marked as having failed.
     */
    private void requireServer(Asked[] asked) throws IOException, InterruptedException {
        boolean inDoubt = Arrays.stream(asked).allMatch(Asked::isServersFault)
                || Arrays.stream(asked).anyMatch(Asked::isUnreachable);
        if (inDoubt && tryOnce(bodies.of(PING)) instanceof ChatReply.Failed failed) {
            int failures =
                    (int) Arrays.stream(asked).filter(Asked::isServersFault).count();
            throw new IOException(settings.completions() + " does not answer: " + failures + " of " + asked.length
                    + " questions failed after " + (1 + settings.limits().retries()) + " tries each, the last with "
                    + failed.what() + "; start the server or mend --url, then run this again");
        }
    }

    private Asked askPatiently(Supplier<ChatRequest> question) throws InterruptedException {
        admitted.acquire();
        try {
            ChatRequest request = question.get();
            int failures = 0;
            while (true) {
                ChatReply reply = tryOnce(bodies.of(request));
                switch (reply) {
                    case ChatReply.Answered answered -> {
                        return new Asked(answered.answer(), false, false);
                    }
                    case ChatReply.Unwanted unwanted -> bodies.leaveOut(unwanted.parameter());
                    case ChatReply.Failed failed -> {
                        failures++;
                        if (failures > settings.limits().retries()) {
                            return new Asked(Answer.none(after(failed.what(), failures)), true, failed.isUnreachable());
                        }
                        // Not seeded: processes that share a server must not draw the same.
                        double uniform = ThreadLocalRandom.current().nextDouble();
                        Thread.sleep(failed.waitMs() + backoff.delayMs(failures, uniform));
                        retries.increment();
                    }
                }
            }
        } finally {
            admitted.release();
        }
    }

    /** {@code HTTP 500 after 6 tries: out of memory}: what comes before the first colon is what failures are counted by. */
    private static String after(String what, int tries) {
        int colon = what.indexOf(": ");
        String count = " after " + tries + (tries == 1 ? " try" : " tries");
        return colon < 0 ? what + count : what.substring(0, colon) + count + what.substring(colon);
    }

    private ChatReply tryOnce(ChatBodies.Body body) throws InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(settings.completions())
                .header("Content-Type", "application/json")
                .header("Accept", "application/json")
                .POST(BodyPublishers.ofByteArray(body.json()));
        key.authorization().ifPresent(value -> request.header("Authorization", value));
        inFlight.acquire();
        try {
            pace.awaitTurn();
            if (isClosed) {
                throw new IllegalStateException("the client of " + settings.completions() + " was closed");
            }
            requests.increment();
            ChatReply reply = send(request.build(), body);
            if (reply instanceof ChatReply.Failed failed) {
                // Before another can take this one's place.
                pace.pause(failed.waitMs());
            }
            count(reply);
            return reply;
        } finally {
            inFlight.release();
        }
    }

    private ChatReply send(HttpRequest request, ChatBodies.Body body) throws InterruptedException {
        CompletableFuture<HttpResponse<byte[]>> response =
                http.sendAsync(request, BodyHandlers.limiting(BodyHandlers.ofByteArray(), LONGEST_REPLY_BYTES));
        try {
            // HttpRequest.timeout would end with the headers.
            return replies.read(response.get(timeout().toNanos(), TimeUnit.NANOSECONDS), body);
        } catch (TimeoutException e) {
            return new ChatReply.Failed(
                    "no full reply within " + settings.limits().timeoutSeconds() + " s", false, 0);
        } catch (ExecutionException e) {
            return failure(e.getCause());
        } finally {
            // Breaks the connection off unless the reply has come.
            response.cancel(true);
        }
    }

    private ChatReply failure(Throwable cause) {
        String host = settings.completions().getAuthority();
        return switch (cause) {
            case HttpConnectTimeoutException e ->
                new ChatReply.Failed("no connection to " + host + ": it takes too long", true, 0);
            case ConnectException e -> new ChatReply.Failed("no connection to " + host, true, 0);
            case SSLException e -> new ChatReply.Failed("no TLS with " + host + ": " + quote(e), true, 0);
            case IOException e -> new ChatReply.Failed("broken connection: " + quote(e), false, 0);
            default -> throw new IllegalStateException("cannot ask " + settings.completions(), cause);
        };
    }

    private String quote(IOException e) {
        return replies.quote(e.getClass().getSimpleName() + (e.getMessage() == null ? "" : " " + e.getMessage()));
    }

    private void count(ChatReply reply) {
        if (reply instanceof ChatReply.Answered(Answer ignored, long prompt, long completion)) {
            promptTokens.add(Math.max(0, prompt));
            completionTokens.add(Math.max(0, completion));
            if (prompt == ChatReply.UNKNOWN || completion == ChatReply.UNKNOWN) {
                uncounted.increment();
            }
        }
    }

    private Duration timeout() {
        return Duration.ofNanos((long) (settings.limits().timeoutSeconds() * 1e9));
    }

    private static Duration min(Duration a, Duration b) {
        return a.compareTo(b) <= 0 ? a : b;
    }
}
