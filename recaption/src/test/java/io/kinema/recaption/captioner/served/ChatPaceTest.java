package io.kinema.recaption.captioner.served;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.recaption.captioner.Answer;
import io.kinema.recaption.captioner.ServerUsage;
import io.kinema.recaption.captioner.served.ChatServer.Call;
import io.kinema.recaption.captioner.served.ChatServer.Moment;
import io.kinema.recaption.captioner.served.ChatServer.Reply;
import java.io.IOException;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** When requests are sent, how many at once, and that each is answered once. */
class ChatPaceTest {
    private static final int NUM_QUESTIONS = 150;

    @ParameterizedTest
    @CsvSource({"429, 1", "503, 0.3"})
    void shouldWaitAsLongAsTheServerSays(int status, double seconds) throws IOException {
        CountDownLatch both = new CountDownLatch(2);
        long[] refusedNanos = new long[1];
        // The first is refused once the second is there, which is answered while nothing may be sent.
        try (ChatServer server = new ChatServer(call -> {
                    both.countDown();
                    if (call.number() > 0) {
                        return Reply.text("good").after(call.number() == 1 ? 200 : 0);
                    }
                    await(both);
                    refusedNanos[0] = System.nanoTime();
                    return Reply.error(status, "busy").with("Retry-After: " + (seconds == 1 ? "1" : seconds));
                });
                ChatClient client = ChatServer.client(server.settings(2, 3, 5))) {
            client.askAll(questions(6));

            List<Call> calls = server.calls();
            assertEquals(7, calls.size());
            for (Call call : calls.subList(2, 7)) {
                long waitedMs = (call.arrivedNanos() - refusedNanos[0]) / 1_000_000;
                assertTrue(waitedMs >= 1_000 * seconds, "call " + call.number() + " after " + waitedMs + " ms");
                assertTrue(waitedMs < 1_000 * seconds + 2_000, "call " + call.number() + " after " + waitedMs + " ms");
            }
        }
    }

    @Test
    void shouldWaitUntilTheDateThatTheServerSays() throws IOException {
        ZonedDateTime date =
                ZonedDateTime.now(ZoneOffset.UTC).plus(1_300, ChronoUnit.MILLIS).truncatedTo(ChronoUnit.SECONDS);
        Reply busy = Reply.error(503, "busy").with("Retry-After: " + DateTimeFormatter.RFC_1123_DATE_TIME.format(date));
        try (ChatServer server = ChatServer.saying(busy, Reply.text("good"));
                ChatClient client = ChatServer.client(server.settings(1, 1, 5))) {
            client.ask(ChatServer.question("?"));
            assertTrue(!ZonedDateTime.now(ZoneOffset.UTC).isBefore(date));
        }
    }

    @Test
    void shouldSpaceRequestsAsTheRateSays() throws IOException {
        try (ChatServer server = ChatServer.saying(Reply.text("good"))) {
            ChatSettings unlimited = server.settings(8, 0, 5);
            var limits = new ChatSettings.Limits(8, 1_200, 0, 5);
            var settings = new ChatSettings(unlimited.url(), "m", "KEY", "", limits, unlimited.price());
            long startNanos = System.nanoTime();
            try (ChatClient client = ChatServer.client(settings)) {
                client.askAll(questions(11));
            }
            double ms = (server.calls().getLast().arrivedNanos() - startNanos) / 1e6;
            // Ten steps of 50 ms.
            assertTrue(ms >= 500, ms + " ms");
            assertTrue(ms < 2_500, ms + " ms");
        }
    }

    /**
     * The server holds all calls. Whenever it lets one go, another must arrive while the rest are still held. Replies
     * of half a second with a mean of 95 % in flight leave 26 ms for that.
     */
    @Test
    void shouldKeepAsManyInFlightAsItMayAndNoMore() throws Exception {
        int concurrency = 8;
        int numQuestions = 40;
        Semaphore replies = new Semaphore(0);
        try (ChatServer server = new ChatServer(call -> {
                    replies.acquireUninterruptibly();
                    return Reply.text("good");
                });
                ChatClient client = ChatServer.client(server.settings(concurrency, 0, 60))) {
            // Several callers, as there are several tasks in a process.
            var first = new FutureTask<>(() -> client.askAll(questions(numQuestions / 2)));
            var second = new FutureTask<>(() -> client.askAll(questions(numQuestions / 2)));
            Thread.ofPlatform().name("test-first").start(first);
            Thread.ofPlatform().name("test-second").start(second);
            for (int numReplies = 0; numReplies < numQuestions - concurrency; numReplies++) {
                server.awaitInFlight(concurrency);
                replies.release();
                server.awaitCalls(concurrency + numReplies + 1);
            }
            replies.release(concurrency);
            assertEquals(numQuestions / 2, first.get().size());
            assertEquals(numQuestions / 2, second.get().size());

            List<Moment> moments = server.moments();
            assertEquals(
                    concurrency,
                    moments.stream().mapToInt(Moment::inFlight).max().orElseThrow());
            double refillMs = refillMs(moments, concurrency);
            assertTrue(refillMs < 26, "the next call comes after " + refillMs + " ms");
        }
    }

    /**
     * The time from a reply until all places are taken again: the lower quartile, as other work of the machine only
     * adds to it.
     */
    private static double refillMs(List<Moment> moments, int limit) {
        double[] refillMs = IntStream.range(1, moments.size())
                .filter(i ->
                        moments.get(i).inFlight() == limit && moments.get(i - 1).inFlight() == limit - 1)
                .mapToDouble(i -> (moments.get(i).nanos() - moments.get(i - 1).nanos()) / 1e6)
                .sorted()
                .toArray();
        return refillMs[refillMs.length / 4];
    }

    /** What a server in a storm does at a question's n-th try: follows from both alone. */
    private static Reply stormy(String question, int tries, String good) {
        Reply answer = Reply.text(good);
        int draw = new SplittableRandom(1_000L * question.hashCode() + tries).nextInt(100);
        return switch (draw / 4) {
            case 0 -> answer.after(1_200);
            case 1 -> Reply.error(500, "internal");
            case 2 -> Reply.error(503, "loading").with("Retry-After: 0.03");
            case 3 -> Reply.error(429, "busy").with("Retry-After: 0.02");
            case 4 -> Reply.json(200, "{\"choices\": [");
            case 5 -> answer.cutAfter(30);
            case 6 -> answer.cutAfter(0);
            case 7 -> answer.ofType("text/html");
            case 8 -> Reply.json(200, "{\"choices\": []}");
            case 9 -> Reply.error(502, "bad gateway").after(30);
            default -> answer.after(draw % 10);
        };
    }

    @Test
    void shouldAnswerEachQuestionOnceAndInOrderInAStormOfFailures() throws IOException {
        Map<String, Integer> tries = new ConcurrentHashMap<>();
        Map<String, Set<String>> goodReplies = new ConcurrentHashMap<>();
        try (ChatServer server = new ChatServer(call -> {
                    int tryIndex = tries.merge(call.text(), 1, Integer::sum);
                    String good = call.text() + " reply " + call.number();
                    Reply reply = stormy(call.text(), tryIndex, good);
                    if (reply.status() == 200
                            && reply.delayMs() < 300
                            && reply.numSent() == Reply.text(good).body().length
                            && reply.headers().getFirst().contains("json")) {
                        goodReplies
                                .computeIfAbsent(call.text(), key -> ConcurrentHashMap.newKeySet())
                                .add(good);
                    }
                    return reply;
                });
                ChatClient client = ChatServer.client(server.settings(16, 12, 0.8))) {
            List<Answer> answers = client.askAll(questions(NUM_QUESTIONS));

            assertEquals(NUM_QUESTIONS, answers.size());
            Set<String> used = new HashSet<>();
            for (int i = 0; i < NUM_QUESTIONS; i++) {
                Answer answer = answers.get(i);
                assertEquals("", answer.problem(), "question " + i);
                assertTrue(answer.text().startsWith("question " + i + " reply "), i + ": " + answer.text());
                assertTrue(used.add(answer.text()), answer.text() + " was used twice");
                // Nothing was asked again that had been answered.
                assertEquals(Set.of(answer.text()), goodReplies.get("question " + i));
            }
            ServerUsage usage = client.usage();
            assertEquals(server.calls().size(), usage.requests());
            assertEquals(usage.requests() - NUM_QUESTIONS, usage.retries());
            assertTrue(usage.retries() > NUM_QUESTIONS / 3, usage.toString());
            assertEquals(7L * NUM_QUESTIONS, usage.promptTokens());
        }
    }

    private static List<? extends Supplier<ChatRequest>> questions(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> (Supplier<ChatRequest>) () -> ChatServer.question("question " + i))
                .toList();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
