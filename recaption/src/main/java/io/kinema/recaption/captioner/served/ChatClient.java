package io.kinema.recaption.captioner.served;

import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.Answer;
import io.kinema.recaption.captioner.ServerUsage;
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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import javax.net.ssl.SSLException;

/**
 * Asks a server with OpenAI's interface of chat completions ({@code POST url/chat/completions}): vLLM, Ollama, or a
 * hosted service. Any number of threads may ask at once; the limits hold for all threads together.
 *
 * <p>A request that fails by the server's or the network's fault is repeated, with longer and longer waits: 408, 429,
 * 5xx, no connection, a broken connection, a late or senseless reply. A request that the server refuses is answered
 * with a problem. A mistake that no request can succeed with is reported to the user. Redirects are not followed: they
 * would take the key to another server.
 */
public final class ChatClient implements AutoCloseable {
    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);
    private static final long LONGEST_REPLY_BYTES = 16 << 20;

    /** An easy question, to see whether the server is up. */
    private static final ChatRequest PING = new ChatRequest("", "Reply with: yes", List.of(), 8, 0, 0);

    private final ChatSettings settings;
    private final ApiKey key;
    private final Backoff backoff;
    private final ChatRequestWriter bodies;
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
    private volatile long lastAnsweredNanos;
    private volatile boolean hasAnswered;
    private volatile boolean isClosed;

    /**
     * Makes a client; nothing is sent yet. The key is read here, in the process that asks.
     *
     * @param settings which server, and how much is asked of it
     * @throws ConfigException if the key cannot be read
     */
    public ChatClient(ChatSettings settings) {
        this(settings, System.getenv(), Backoff.USUAL);
    }

    ChatClient(ChatSettings settings, Map<String, String> environment, Backoff backoff) {
        this.settings = settings;
        this.backoff = backoff;
        key = ApiKey.find(settings, environment);
        bodies = new ChatRequestWriter(settings.model());
        replies = new ChatReplyReader(settings, key);
        pace = new Pace(settings.limits().requestsPerMinute());
        inFlight = new Semaphore(settings.limits().concurrency(), true);
        // As many again are prepared in advance, so that a request is always ready; more would only take memory.
        admitted = new Semaphore(2 * settings.limits().concurrency(), true);
        http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(min(CONNECT_TIMEOUT, timeout()))
                .executor(httpThreads)
                .build();
    }

    /**
     * Asks one question.
     *
     * @param request the question
     * @return the reply's text without white space at either end, the model's confidence, and the problem, if any
     * @throws ConfigException if the user must change something: the server refuses the key, or has no such model
     * @throws IOException if the server is down, or the thread was interrupted
     */
    public Answer ask(ChatRequest request) throws IOException {
        return askAll(List.of(() -> request)).getFirst();
    }

    /**
     * Asks questions, as many at once as the limits allow. After a failure that affects all questions, waiting
     * questions are not sent.
     *
     * @param questions each is made shortly before it is sent, in a thread of its own
     * @return a reply to each question, in their order
     * @throws ConfigException if the user must change something: the server refuses the key, has no such model, or
     *     refuses all of the first questions
     * @throws IOException if the server is down, or the thread was interrupted
     */
    public List<Answer> askAll(List<? extends Supplier<ChatRequest>> questions) throws IOException {
        if (questions.isEmpty()) {
            return List.of();
        }
        Answer[] answers = new Answer[questions.size()];
        AtomicInteger numRefused = new AtomicInteger();
        // Its close() waits for the threads to end, also after they were told to stop.
        try (ExecutorService threads = Executors.newThreadPerTaskExecutor(askers)) {
            var finished = new ExecutorCompletionService<Void>(threads);
            for (int i = 0; i < answers.length; i++) {
                int index = i;
                finished.submit(() -> {
                    answers[index] = answer(questions.get(index), numRefused);
                    return null;
                });
            }
            try {
                for (int i = 0; i < answers.length; i++) {
                    finished.take().get();
                }
            } catch (ExecutionException e) {
                threads.shutdownNow();
                rethrow(e.getCause());
            } catch (InterruptedException e) {
                threads.shutdownNow();
                Thread.currentThread().interrupt();
                InterruptedIOException stopped =
                        new InterruptedIOException("interrupted while " + settings.completions() + " was being asked");
                stopped.initCause(e);
                throw stopped;
            }
        }
        // A model without pictures refuses each question.
        if (answers.length > 1 && numRefused.get() == answers.length && !hasAnswered) {
            throw new ConfigException(settings.completions() + " refuses all of the first " + answers.length
                    + " questions, the last with " + answers[answers.length - 1].problem()
                    + "; choose a --model that takes as much, or ask less of it");
        }
        return List.of(answers);
    }

    private static void rethrow(Throwable cause) throws IOException {
        switch (cause) {
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            default -> throw new IllegalStateException(cause);
        }
    }

    /**
     * The requests since the client was made, and their cost.
     *
     * @return counts; a request that ends during this call may or may not be in them
     */
    public ServerUsage usage() {
        ChatSettings.Price price = settings.price();
        long prompt = promptTokens.sum();
        long completion = completionTokens.sum();
        double cost = (prompt * price.promptPerMillion() + completion * price.completionPerMillion()) / 1e6;
        return new ServerUsage(requests.sum(), retries.sum(), prompt, completion, uncounted.sum(), cost);
    }

    /** Breaks off all requests. Waiting and later questions get an {@link IllegalStateException}. */
    @Override
    public void close() {
        isClosed = true;
        http.shutdownNow();
        http.close();
        httpThreads.close();
    }

    private Answer answer(Supplier<ChatRequest> question, AtomicInteger numRefused)
            throws IOException, InterruptedException {
        admitted.acquire();
        try {
            TryResult tried = tryPatiently(question.get());
            return switch (tried.reply()) {
                case ChatReply.Answered answered -> answered.answer();
                case ChatReply.Refused refused -> {
                    numRefused.incrementAndGet();
                    yield Answer.none(refused.what());
                }
                case ChatReply.Failed failed -> {
                    requireServer(failed, tried);
                    yield Answer.none(after(failed.what(), tried.numTries()));
                }
                case ChatReply.UnsupportedParameter unwanted ->
                    throw new IllegalStateException("without " + unwanted.parameter() + " nothing was asked");
            };
        } finally {
            admitted.release();
        }
    }

    /**
     * The end of a request.
     *
     * @param numTries number of tries, the last one included
     * @param lastTryNanos when the last try began
     */
    private record TryResult(ChatReply reply, int numTries, long lastTryNanos) {}

    private TryResult tryPatiently(ChatRequest request) throws InterruptedException {
        int numTries = 1;
        while (true) {
            long startNanos = System.nanoTime();
            ChatReply reply = tryOnce(bodies.of(request));
            if (reply instanceof ChatReply.UnsupportedParameter(String parameter)) {
                bodies.leaveOut(parameter);
            } else if (reply instanceof ChatReply.Failed failed
                    && numTries <= settings.limits().retries()) {
                // Not seeded: processes that share a server must not draw the same.
                double uniform = ThreadLocalRandom.current().nextDouble();
                Thread.sleep(failed.waitMs() + backoff.delayMs(numTries, uniform));
                retries.increment();
                numTries++;
            } else {
                return new TryResult(reply, numTries, startNanos);
            }
        }
    }

    /**
     * Finds out why a question was given up: the server cannot answer this question, or the server is down. Only in the
     * first case is the question marked as failed. If no other question was answered meanwhile, an easy question
     * decides.
     */
    private void requireServer(ChatReply.Failed failed, TryResult tried) throws IOException, InterruptedException {
        boolean isAlive = hasAnswered && lastAnsweredNanos - tried.lastTryNanos() > 0 && !failed.isUnreachable();
        if (!isAlive && tryPatiently(PING).reply() instanceof ChatReply.Failed last) {
            throw new IOException(settings.completions() + " does not answer: " + last.what() + " ("
                    + tried.numTries() + " tries of a question and as many of an easier one);"
                    + " start the server or mend --url, then run this again");
        }
    }

    /** {@code HTTP 500 after 6 tries: out of memory}. Failures are counted by the words before the first colon. */
    private static String after(String what, int tries) {
        int colon = what.indexOf(": ");
        String count = " after " + tries + (tries == 1 ? " try" : " tries");
        return colon < 0 ? what + count : what.substring(0, colon) + count + what.substring(colon);
    }

    private ChatReply tryOnce(ChatRequestWriter.Body body) throws InterruptedException {
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
                // Before another request can take this one's place.
                pace.pause(failed.waitMs());
            }
            count(reply);
            return reply;
        } finally {
            inFlight.release();
        }
    }

    private ChatReply send(HttpRequest request, ChatRequestWriter.Body body) throws InterruptedException {
        CompletableFuture<HttpResponse<byte[]>> response =
                http.sendAsync(request, BodyHandlers.limiting(BodyHandlers.ofByteArray(), LONGEST_REPLY_BYTES));
        try {
            // HttpRequest.timeout covers the headers only.
            return replies.read(response.get(timeout().toNanos(), TimeUnit.NANOSECONDS), body);
        } catch (TimeoutException e) {
            return new ChatReply.Failed(
                    "no full reply within " + settings.limits().timeoutSeconds() + " s", false, 0);
        } catch (ExecutionException e) {
            return failure(e.getCause());
        } finally {
            // Breaks off the connection, unless the reply has come.
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
            lastAnsweredNanos = System.nanoTime();
            hasAnswered = true;
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
