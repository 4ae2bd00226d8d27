package io.kinema.recaption.captioner.served;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.Answer;
import io.kinema.recaption.captioner.ServerUsage;
import io.kinema.recaption.captioner.served.ChatServer.Reply;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChatClientTest {
    private static final ChatRequest QUESTION = ChatServer.question("what is red?");
    private static final Reply GOOD = Reply.text(" a red circle \n");

    @Test
    void shouldAskTextAloneAndTellTheReplysText() throws IOException {
        try (ChatServer server = ChatServer.saying(GOOD);
                ChatClient client = ChatServer.client(server.settings(1, 0, 5))) {
            Answer answer = client.ask(new ChatRequest("expand prompts", "a cat", List.of(), 50, 0.5, 7));

            assertEquals(Answer.of("a red circle", 1), answer);
            var call = server.calls().getFirst();
            assertEquals("/v1/chat/completions", call.path());
            assertEquals("Bearer " + ChatServer.KEY, call.authorization());
            assertEquals("application/json", call.headers().get("content-type"));
            assertEquals(ChatServer.JSON.readTree("""
                    {"model": "test-model", "messages": [{"role": "system", "content": "expand prompts"},
                     {"role": "user", "content": "a cat"}],
                     "max_tokens": 50, "temperature": 0.5, "seed": 7, "logprobs": true}"""), call.body());
        }
    }

    static Stream<Reply> failures() {
        return Stream.of(
                Reply.error(500, "out of memory"),
                Reply.error(408, "slow"),
                Reply.error(503, "loading").with("Retry-After: 0"),
                Reply.error(429, "busy").with("Retry-After: 0.02"),
                Reply.error(502, "bad gateway").with("Retry-After: soon"),
                Reply.json(200, "{\"choices\": [{\"mess"),
                Reply.json(200, "[]"),
                Reply.json(200, "{\"choices\": []}"),
                Reply.json(200, "{\"choices\": [{\"message\": {\"content\": 7}, \"finish_reason\": \"stop\"}]}"),
                Reply.error(200, "an error that calls itself good"),
                GOOD.ofType("text/html"),
                GOOD.cutAfter(20),
                GOOD.cutAfter(0),
                GOOD.stallAfter(20),
                GOOD.after(3_000));
    }

    @ParameterizedTest
    @MethodSource("failures")
    void shouldAskAgainAfterAFailureThatMayPass(Reply failure) throws IOException {
        boolean isLate = failure.stalls() || failure.delayMs() > 0;
        try (ChatServer server = ChatServer.saying(failure, GOOD);
                ChatClient client = ChatServer.client(server.settings(1, 1, isLate ? 0.3 : 5))) {
            assertEquals(Answer.of("a red circle", 1), client.ask(QUESTION));
            assertEquals(2, server.calls().size());
            assertEquals(new ServerUsage(2, 1, 7, 3, 0, (7 * 2 + 3 * 10) / 1e6), client.usage());
        }
    }

    @Test
    void shouldGiveAQuestionUpThatFailsWhereEasierOnesDoNot() throws IOException {
        Reply failure = Reply.error(500, "CUDA error\nin line 7");
        try (ChatServer server =
                        new ChatServer(call -> call.text().equals(QUESTION.text()) ? failure : Reply.text("yes"));
                ChatClient client = ChatServer.client(server.settings(1, 2, 5))) {
            assertEquals(Answer.none("HTTP 500 after 3 tries: CUDA error"), client.ask(QUESTION));
            assertEquals(2, client.usage().retries());
        }
    }

    @Test
    void shouldGiveAQuestionUpAtOnceWhileOthersAreAnswered() throws IOException {
        try (ChatServer server = new ChatServer(call -> call.text().equals(QUESTION.text())
                        ? Reply.error(500, "CUDA error").after(400)
                        : Reply.text("fine").after(20));
                ChatClient client = ChatServer.client(server.settings(2, 0, 5))) {
            List<Supplier<ChatRequest>> questions = new ArrayList<>(List.of(() -> QUESTION));
            for (int i = 0; i < 30; i++) {
                questions.add(() -> ChatServer.question("another"));
            }
            assertEquals(
                    Answer.none("HTTP 500 after 1 try: CUDA error"),
                    client.askAll(questions).getFirst());
            assertEquals(31, server.calls().size());
        }
    }

    @Test
    void shouldBlameTheServerWhenItAnswersNothing() throws IOException {
        try (ChatServer server = ChatServer.saying(Reply.error(500, "CUDA error"));
                ChatClient client = ChatServer.client(server.settings(2, 1, 5))) {
            IOException e = assertThrows(IOException.class, () -> client.askAll(twice()));
            assertEquals(
                    server.url() + "/chat/completions does not answer: HTTP 500: CUDA error (2 tries of a question and"
                            + " as many of an easier one); start the server or mend --url, then run this again",
                    e.getMessage());
        }
    }

    @Test
    void shouldBlameTheSettingsWhenTheServerRefusesAllThatItIsAskedFirst() throws IOException {
        Reply refusal = Reply.error(400, "At most 0 images may be provided");
        try (ChatServer server = ChatServer.saying(refusal, refusal, GOOD, refusal);
                ChatClient client = ChatServer.client(server.settings(1, 5, 5))) {
            String message = assertThrows(ConfigException.class, () -> client.askAll(twice()))
                    .getMessage();
            assertTrue(message.contains("refuses all of the first 2 questions"), message);
            assertTrue(message.contains("HTTP 400: At most 0 images may be provided"), message);
            client.ask(QUESTION);
            assertEquals(
                    "HTTP 400: At most 0 images may be provided",
                    client.askAll(twice()).getLast().problem());
        }
    }

    @Test
    void shouldSayInOneLineThatNobodyIsThere() throws IOException {
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        var settings = new ChatSettings(
                "http://127.0.0.1:" + port + "/v1",
                "m",
                "KEY",
                "",
                new ChatSettings.Limits(2, 0, 1, 5),
                new ChatSettings.Price(0, 0));
        try (ChatClient client = ChatServer.client(settings)) {
            IOException e = assertThrows(IOException.class, () -> client.askAll(twice()));
            assertTrue(e.getMessage().contains("no connection to 127.0.0.1:" + port), e.getMessage());
            assertTrue(e.getMessage().contains("mend --url"), e.getMessage());
            assertEquals(1, e.getMessage().lines().count());
        }
    }

    @Test
    void shouldMarkNoQuestionWhenTheServerGoesAwayInTheMiddle() throws IOException {
        try (ChatServer server = ChatServer.saying(GOOD);
                ChatClient client = ChatServer.client(server.settings(1, 1, 5))) {
            List<Supplier<ChatRequest>> questions = List.of(() -> QUESTION, () -> {
                close(server);
                return QUESTION;
            });
            assertThrows(IOException.class, () -> client.askAll(questions));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 413, 415, 422})
    void shouldNotAskAgainWhatTheServerRefuses(int status) throws IOException {
        try (ChatServer server = ChatServer.saying(Reply.error(status, "the image is too large"), GOOD);
                ChatClient client = ChatServer.client(server.settings(1, 5, 5))) {
            assertEquals(Answer.none("HTTP " + status + ": the image is too large"), client.ask(QUESTION));
            assertEquals("a red circle", client.ask(QUESTION).text());
            assertEquals(0, client.usage().retries());
        }
    }

    static Stream<Reply> mistakes() {
        return Stream.of(
                Reply.error(401, "wrong key " + ChatServer.KEY),
                Reply.error(403, "not for " + "x".repeat(280) + ChatServer.KEY),
                Reply.error(404, "nothing here"),
                Reply.error(400, "The model `test-model` does not exist"),
                Reply.json(404, "{\"error\": \"model \\\"test-model\\\" not found, try pulling it first\"}"),
                Reply.json(401, "not JSON: " + ChatServer.KEY + "\nsecond line").ofType("text/plain"),
                Reply.error(307, "over there").with("Location: https://elsewhere/v1?" + ChatServer.KEY));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void shouldTellTheUserInOneLineWhatToMendAndNeverTheKey(Reply reply) throws IOException {
        try (ChatServer server = ChatServer.saying(reply);
                ChatClient client = ChatServer.client(server.settings(1, 5, 5))) {
            String message = assertThrows(ConfigException.class, () -> client.ask(QUESTION))
                    .getMessage();
            assertEquals(1, message.lines().count(), message);
            assertTrue(message.startsWith(server.url() + "/chat/completions answers HTTP " + reply.status()), message);
            assertTrue(message.matches(".*--(key-file|model|url).*"), message);
            assertFalse(message.contains("secret"), message);
            assertEquals(1, server.calls().size());
        }
    }

    @Test
    void shouldAskNothingMoreOnceTheKeyIsRefused() throws IOException {
        try (ChatServer server = ChatServer.saying(Reply.error(401, "no"));
                ChatClient client = ChatServer.client(server.settings(2, 5, 5))) {
            List<Supplier<ChatRequest>> many = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                many.add(() -> QUESTION);
            }
            assertThrows(ConfigException.class, () -> client.askAll(many));
            assertTrue(server.calls().size() < 100, server.calls().size() + " calls");
        }
    }

    @Test
    void shouldDoWithoutWhatTheServerDoesNotKnowAndRememberThat() throws IOException {
        Reply[] replies = {
            Reply.error(400, "`logprobs` is not supported by this model"),
            Reply.json(
                    422,
                    "{\"detail\": [{\"loc\": [\"body\", \"seed\"], \"msg\": \"extra\","
                            + " \"input\": \"temperature\"}]}"),
            Reply.error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
            GOOD
        };
        try (ChatServer server = ChatServer.saying(replies);
                ChatClient client = ChatServer.client(server.settings(1, 0, 5))) {
            assertEquals("a red circle", client.ask(QUESTION).text());
            assertEquals("a red circle", client.ask(QUESTION).text());
            assertEquals(5, server.calls().size());
            var last = server.calls().getLast().body();
            assertEquals(50, last.path("max_completion_tokens").asInt());
            assertEquals(0.0, last.path("temperature").asDouble(1));
            assertFalse(last.has("logprobs") || last.has("seed") || last.has("max_tokens"), last.toString());
            assertEquals(0, client.usage().retries());
        }
    }

    @Test
    void shouldEndWhenInterruptedAndLeaveNothingInFlight() throws Exception {
        try (ChatServer server = ChatServer.saying(GOOD.stallAfter(20));
                ChatClient client = ChatServer.client(server.settings(2, 5, 60))) {
            FutureTask<List<Answer>> asking = new FutureTask<>(() -> client.askAll(twice()));
            Thread asker = Thread.ofPlatform().name("test-asker").start(asking);
            while (server.calls().size() < 2) {
                Thread.sleep(5);
            }
            long startNanos = System.nanoTime();
            asker.interrupt();
            Exception e = assertThrows(Exception.class, () -> asking.get(10, TimeUnit.SECONDS));
            assertInstanceOf(InterruptedIOException.class, e.getCause());
            while (server.numHungUp() < 2) {
                assertTrue(System.nanoTime() - startNanos < 5e9, server.numHungUp() + " of 2 connections are closed");
                Thread.sleep(5);
            }
        }
    }

    @Test
    void shouldRefuseQuestionsAfterItWasClosed() throws IOException {
        try (ChatServer server = ChatServer.saying(GOOD)) {
            ChatClient client = ChatServer.client(server.settings(1, 0, 5));
            client.close();
            client.close();
            assertThrows(IllegalStateException.class, () -> client.ask(QUESTION));
            assertEquals(0, server.calls().size());
        }
    }

    @Test
    void shouldCountRepliesThatDoNotTellTheirTokens() throws IOException {
        Reply untold = Reply.json(
                200,
                "{\"choices\": [{\"message\": {\"content\": \"a\"}, \"finish_reason\": null}], \"usage\":"
                        + " {\"prompt_tokens\": -4}}");
        try (ChatServer server = ChatServer.saying(untold, GOOD);
                ChatClient client = ChatServer.client(server.settings(1, 0, 5))) {
            assertEquals(Answer.of("a", 1), client.ask(QUESTION));
            client.ask(QUESTION);
            assertEquals(new ServerUsage(2, 0, 7, 3, 1, 44e-6), client.usage());
        }
    }

    private static List<Supplier<ChatRequest>> twice() {
        return List.of(() -> QUESTION, () -> QUESTION);
    }

    private static void close(ChatServer server) {
        try {
            server.close();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
