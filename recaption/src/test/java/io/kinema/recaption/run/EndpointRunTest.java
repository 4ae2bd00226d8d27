package io.kinema.recaption.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.shard.Caption;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.recaption.TinyData;
import io.kinema.recaption.captioner.served.ChatServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A data set is captioned by a server. The original caption of each clip is its number, and is part of the question.
 */
class EndpointRunTest {
    private static final int CLIPS = 24;
    private static final Pattern NUMBER = Pattern.compile("number (\\d+)");

    @TempDir
    private Path folder;

    private Path data;

    @BeforeEach
    void write() throws IOException {
        data = folder.resolve("data");
        TinyData clips = new TinyData(2, 16, 24);
        for (int i = 0; i < CLIPS; i++) {
            clips.solid(String.format("wall-%02d.mp4#0", i), 0x102030 * (i % 8), "number " + (100 + i));
        }
        clips.write(data);
        Files.writeString(folder.resolve("short.txt"), "in short: {captions}");
        Files.writeString(folder.resolve("detailed.txt"), "in detail: {captions}");
    }

    private int run(ChatServer server, Path output, String... more) throws IOException {
        List<String> flags = new ArrayList<>(List.of(
                "--captioner",
                "endpoint",
                "--model",
                "test-model",
                "--url",
                server.url(),
                "--key-environment",
                "NO_SUCH_KEY"));
        flags.addAll(List.of("--data", data.toString(), "--output", output.toString(), "--concurrency", "8"));
        flags.addAll(List.of("--prompt-short", folder.resolve("short.txt").toString()));
        flags.addAll(List.of("--prompt-detailed", folder.resolve("detailed.txt").toString()));
        flags.addAll(List.of(more));
        return CaptionRunCommand.run(flags.toArray(String[]::new));
    }

    private static ChatServer.Reply answer(ChatServer.Call call) {
        String text = call.text();
        return ChatServer.Reply.text("answer " + text.substring(text.indexOf("in "), text.length()));
    }

    /** Seven kinds of mishaps; two of nine questions meet none. */
    private static ChatServer.Reply mishap(int kind, ChatServer.Call call) {
        return switch (kind % 9) {
            case 0 -> ChatServer.Reply.error(500, "out of memory");
            case 1 -> answer(call).cutAfter(20);
            case 2 -> ChatServer.Reply.json(200, "{\"choices\": [");
            case 3 -> answer(call).ofType("text/html");
            case 4 -> ChatServer.Reply.error(429, "slow down").with("Retry-After: 0.1");
            case 5 -> answer(call).stallAfter(10);
            case 6 -> ChatServer.Reply.text("");
            default -> answer(call);
        };
    }

    @Test
    void shouldLoseAndDoubleNoCaptionWhateverTheServerDoes() throws IOException {
        Map<String, Integer> tries = new ConcurrentHashMap<>();
        Function<ChatServer.Call, ChatServer.Reply> script = call -> {
            Matcher number = NUMBER.matcher(call.text());
            if (!number.find()) {
                return ChatServer.Reply.text("yes");
            }
            int tryIndex = tries.merge(call.text(), 1, Integer::sum) - 1;
            int kind = Integer.parseInt(number.group(1)) + (call.text().contains("in short") ? 0 : 5);
            // Every third clip meets two mishaps, one after the other.
            boolean isMishap = tryIndex == 0 || tryIndex == 1 && kind % 3 == 0;
            return isMishap ? mishap(kind + tryIndex, call) : answer(call);
        };
        Path output = folder.resolve("out");
        try (ChatServer server = new ChatServer(script)) {
            assertEquals(0, run(server, output, "--timeout-seconds", "1", "--retries", "12"));
        }
        try (Dataset captioned = Dataset.open(output.toString())) {
            for (ClipEntry entry : captioned.clips()) {
                List<String> texts = captioned.read(entry).captions().stream()
                        .map(Caption::text)
                        .toList();
                String number = texts.getFirst();
                assertEquals(List.of(number, "answer in short: " + number, "answer in detail: " + number), texts);
            }
        }
        assertEquals("", Files.readString(output.resolve("quarantine.jsonl")));
    }

    @Test
    void shouldPutClipsWithoutAnAnswerIntoQuarantine() throws IOException {
        Function<ChatServer.Call, ChatServer.Reply> script = call -> call.text().contains("in short: number 103")
                ? ChatServer.Reply.choice("", "content_filter", "I will not describe that.")
                : answer(call);
        Path output = folder.resolve("out");
        try (ChatServer server = new ChatServer(script)) {
            assertEquals(0, run(server, output));
        }
        List<String> quarantine = Files.readAllLines(output.resolve("quarantine.jsonl"));
        assertEquals(1, quarantine.size(), quarantine.toString());
        assertTrue(quarantine.getFirst().contains("wall-03.mp4#0"), quarantine.getFirst());
        assertTrue(quarantine.getFirst().contains("refused"), quarantine.getFirst());
        try (Dataset captioned = Dataset.open(output.toString())) {
            assertEquals(2, captioned.read(captioned.clips().get(3)).captions().size());
        }
    }

    @Test
    void shouldGoOnWhereTheServerWentAway() throws IOException {
        Path output = folder.resolve("out");
        Function<ChatServer.Call, ChatServer.Reply> denying =
                call -> call.number() < 30 ? answer(call) : ChatServer.Reply.error(401, "your account is suspended");
        try (ChatServer server = new ChatServer(denying)) {
            Exception failure = assertThrows(Exception.class, () -> run(server, output));
            assertTrue(failure.getMessage().contains("401"), failure.getMessage());
        }
        int asked;
        try (ChatServer server = new ChatServer(EndpointRunTest::answer)) {
            assertEquals(0, run(server, output));
            asked = server.calls().size();
        }
        assertTrue(asked < 2 * CLIPS, asked + " questions were asked in the second run");
        try (Dataset captioned = Dataset.open(output.toString())) {
            for (ClipEntry entry : captioned.clips()) {
                assertEquals(3, captioned.read(entry).captions().size());
            }
        }
    }
}
