package io.kinema.recaption.captioner.served;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.kinema.data.command.ConfigException;
import io.kinema.recaption.captioner.Question;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

class EndpointSettingsTest {
    private static final ChatSettings.Limits LIMITS = new ChatSettings.Limits(4, 30, 5, 60);
    private static final ChatSettings.Price PRICE = new ChatSettings.Price(0.15, 0.6);
    private static final String URL = "http://localhost:8000/v1";
    private static final String SECRET = "sk-secret-0123456789";

    @TempDir
    Path folder;

    @Test
    void shouldComeBackFromJsonAsItWas() throws IOException {
        EndpointSettings settings = new EndpointSettings(server(URL, "m"), new Prompts("a", "b"), 8, 512, 300, 0.2);
        JsonMapper json = new JsonMapper();
        assertEquals(settings, json.readValue(json.writeValueAsString(settings), EndpointSettings.class));
    }

    @Test
    void shouldNameTheFlagThatIsWrong() {
        ChatSettings server = server(URL, "m");
        Prompts prompts = new Prompts("a", "b");
        requireFlag("--url", () -> server("localhost:8000", "m"));
        requireFlag("--url", () -> server("ftp://localhost/v1", "m"));
        requireFlag("--url", () -> server("http://", "m"));
        requireFlag("--url", () -> server("", "m"));
        requireFlag("--url", () -> server(URL + "/chat/completions", "m"));
        requireFlag("--model", () -> server(URL, " "));
        requireFlag("--concurrency", () -> new ChatSettings.Limits(0, 0, 0, 1));
        requireFlag("--concurrency", () -> new ChatSettings.Limits(5_000, 0, 0, 1));
        requireFlag("--requests-per-minute", () -> new ChatSettings.Limits(1, -1, 0, 1));
        requireFlag("--retries", () -> new ChatSettings.Limits(1, 0, -1, 1));
        requireFlag("--timeout-seconds", () -> new ChatSettings.Limits(1, 0, 0, 0));
        requireFlag("--timeout-seconds", () -> new ChatSettings.Limits(1, 0, 0, Double.NaN));
        requireFlag("--prompt-price-per-million", () -> new ChatSettings.Price(-1, 0));
        requireFlag("--completion-price-per-million", () -> new ChatSettings.Price(0, Double.NaN));
        requireFlag("--frames", () -> new EndpointSettings(server, prompts, 0, 512, 300, 0));
        requireFlag("--max-side", () -> new EndpointSettings(server, prompts, 8, 5, 300, 0));
        requireFlag("--max-tokens", () -> new EndpointSettings(server, prompts, 8, 512, 0, 0));
        requireFlag("--temperature", () -> new EndpointSettings(server, prompts, 8, 512, 300, 2.5));
        requireFlag("--prompt-short", () -> new Prompts(" ", "b"));
        requireFlag("--prompt-detailed", () -> new Prompts("a", ""));
    }

    @Test
    void shouldNotShowWhatMayBeAKeyInAnAddress() {
        for (String url : new String[] {"http://user:" + SECRET + "@host/v1", "http://host/v1?key=" + SECRET}) {
            requireFlag("--url", () -> server(url, "m"));
        }
    }

    @Test
    void shouldPutTheInterfaceBehindTheAddress() {
        assertEquals(URL + "/chat/completions", server(URL, "m").completions().toString());
        assertEquals(
                URL + "/chat/completions", server(URL + "/", "m").completions().toString());
    }

    @Test
    void shouldFindTheKeyInAFileBeforeTheEnvironment() throws IOException {
        Path file = Files.writeString(folder.resolve("key"), " " + SECRET + "\n");
        Map<String, String> environment = Map.of("KEY", "other");
        ApiKey key = ApiKey.find(withKeyFile(file), environment);
        assertEquals("Bearer " + SECRET, key.authorization().orElseThrow());
        assertEquals("***", key.toString());
        assertEquals("a *** b", key.redact("a " + SECRET + " b"));
        assertEquals(
                "Bearer other",
                ApiKey.find(server(URL, "m"), environment).authorization().orElseThrow());
        assertTrue(ApiKey.find(server(URL, "m"), Map.of()).authorization().isEmpty());
        assertTrue(ApiKey.find(server(URL, "m"), Map.of("KEY", " "))
                .authorization()
                .isEmpty());
    }

    @Test
    void shouldSayWhatIsWrongWithAKeyWithoutShowingIt() throws IOException {
        Path empty = Files.writeString(folder.resolve("empty"), "\n");
        Path lines = Files.writeString(folder.resolve("lines"), "KEY=" + SECRET + "\nOTHER=1");
        Path bytes = Files.write(folder.resolve("bytes"), new byte[] {(byte) 0xff, (byte) 0xfe});
        for (Path file : new Path[] {empty, lines, bytes, folder.resolve("none"), folder}) {
            requireFlag("--key-file", () -> ApiKey.find(withKeyFile(file), Map.of()));
        }
        requireFlag(
                "environment variable KEY", () -> ApiKey.find(server(URL, "m"), Map.of("KEY", SECRET + "\n" + SECRET)));
    }

    @Test
    void shouldReadPromptsAndRefuseMissingAndEmptyOnesAndUnknownPlaceholders() throws IOException {
        Path good = Files.writeString(folder.resolve("good"), "Describe {frames}, {seconds}, {captions}, {\"x\": 1}\n");
        Path empty = Files.writeString(folder.resolve("empty"), " \n");
        Path unknown = Files.writeString(folder.resolve("unknown"), "Describe {caption}");
        assertEquals(
                "Describe 2, 0.5, none, {\"x\": 1}",
                Prompts.read(good, good)
                        .fill(Question.SHORT, Map.of("frames", "2", "seconds", "0.5", "captions", "none")));
        for (Path bad : new Path[] {empty, unknown, folder.resolve("none")}) {
            requireFlag("--prompt-short " + bad, () -> Prompts.read(bad, good));
            requireFlag("--prompt-detailed " + bad, () -> Prompts.read(good, bad));
        }
    }

    @Test
    void shouldHavePromptsThatTellAllThatIsKnown() {
        Path configs = Path.of("../configs");
        Prompts prompts =
                Prompts.read(configs.resolve("recaption-short.txt"), configs.resolve("recaption-detailed.txt"));
        for (String style : new String[] {Question.SHORT, Question.DETAILED}) {
            String filled = prompts.fill(style, Map.of("frames", "<8>", "seconds", "<2.5>", "captions", "<a cat>"));
            assertTrue(filled.contains("<8>") && filled.contains("<2.5>") && filled.contains("<a cat>"), filled);
        }
    }

    private static ChatSettings server(String url, String model) {
        return new ChatSettings(url, model, "KEY", "", LIMITS, PRICE);
    }

    private static ChatSettings withKeyFile(Path file) {
        return new ChatSettings(URL, "m", "KEY", file.toString(), LIMITS, PRICE);
    }

    private static void requireFlag(String flag, Executable mistake) {
        ConfigException e = assertThrows(ConfigException.class, mistake);
        assertTrue(e.getMessage().contains(flag), e.getMessage());
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        StringWriter all = new StringWriter();
        e.printStackTrace(new PrintWriter(all, true));
        assertFalse(all.toString().contains("secret-"), all.toString());
    }
}
