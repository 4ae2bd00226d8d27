package io.kinema.recaption.captioner.expander;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.recaption.TinyData;
import io.kinema.recaption.captioner.network.Dl4jSettings;
import io.kinema.recaption.captioner.served.ChatServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExpanderTest {
    private static final List<String> THINGS = List.of("dog", "cat", "boat", "kite", "cow", "car");
    private static final List<String> DEEDS = List.of("runs", "sleeps", "turns", "falls", "waits", "sings");

    @TempDir
    private static Path folder;

    private static Path model;

    @BeforeAll
    static void train() throws IOException {
        TinyData clips = new TinyData(1, 8, 8);
        for (int i = 0; i < 72; i++) {
            String thing = THINGS.get(i % 6);
            String deed = DEEDS.get(i / 6 % 6);
            clips.solid(
                    i + "#0",
                    0,
                    "a " + thing + " " + deed,
                    "the video shows a " + thing + ", which " + deed + " by the sea.");
        }
        clips.write(folder.resolve("data"));
        model = folder.resolve("model");
        assertEquals(
                0,
                TrainExpanderCommand.run(
                        "--data",
                        folder.resolve("data").toString(),
                        "--output",
                        model.toString(),
                        "--epochs",
                        "30",
                        "--batch",
                        "16",
                        "--learning-rate",
                        "1e-2",
                        "--validation",
                        "0.1"));
    }

    @Test
    void shouldMakeADetailedPromptOfAShortOne() throws IOException {
        assertEquals(
                "the video shows a boat, which sleeps by the sea.\n",
                printed("--model", model.toString(), "A boat sleeps"));
        Path prompts = Files.writeString(folder.resolve("prompts.txt"), "a kite falls\n\na dog turns\n");
        assertEquals(
                "the video shows a kite, which falls by the sea.\nthe video shows a dog, which turns by the sea.\n",
                printed("--model", model.toString(), "--prompts", prompts.toString()));
    }

    @Test
    void shouldAskAServer() throws IOException {
        Path instructions = Files.writeString(folder.resolve("instructions.txt"), "Write more.");
        try (ChatServer server = new ChatServer(call -> ChatServer.Reply.text(" much\nmore than " + call.text()))) {
            assertEquals(
                    "much more than a dog\n",
                    printed(
                            "--expander",
                            "endpoint",
                            "--model",
                            "m",
                            "--url",
                            server.url(),
                            "--key-environment",
                            "NO_SUCH_KEY",
                            "--instructions",
                            instructions.toString(),
                            "a dog"));
            assertEquals(
                    "Write more.",
                    server.calls()
                            .getFirst()
                            .body()
                            .path("messages")
                            .path(0)
                            .path("content")
                            .asText());
        }
    }

    @Test
    void shouldNameTheMistake() {
        assertMistake("give one prompt", "--model", model.toString());
        assertMistake("give one prompt", "--model", model.toString(), "two", "prompts");
        assertMistake("is empty", "--model", model.toString(), " ");
        assertMistake("no trained model", "--model", folder.toString(), "a dog");
        assertMistake("not known", "--model", model.toString(), "--expander", "gpt", "a dog");
        assertMistake(
                "--prompts",
                "--model",
                model.toString(),
                "--prompts",
                folder.resolve("absent").toString());
        assertMistake("of kind expander", () -> new Dl4jSettings(model.toString(), 1, 1, 0).open());
    }

    private static void assertMistake(String expected, String... flags) {
        assertMistake(expected, () -> ExpandCommand.run(flags));
    }

    private static void assertMistake(String expected, org.junit.jupiter.api.function.Executable command) {
        ConfigException mistake = assertThrows(ConfigException.class, command);
        assertTrue(mistake.getMessage().contains(expected), mistake.getMessage());
        assertEquals(1, mistake.getMessage().lines().count());
    }

    private static String printed(String... flags) throws IOException {
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            assertEquals(0, ExpandCommand.run(flags));
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
