package io.kinema.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.data.shard.Dataset;
import io.kinema.train.TinyData;
import io.kinema.train.input.ClipOrder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelDefaultsTest {
    @TempDir
    private Path root;

    @Test
    void shouldBeWhatTheConfigOfTheModelSays() {
        Map<String, String> configs =
                Map.of("debug", "debug", "S", "dit-s", "B", "dit-b", "L", "dit-l", "XL", "dit-xl");
        configs.forEach((model, file) -> assertEquals(
                FlagText.settings("--model " + model),
                FlagText.settings("@" + Path.of("..", "configs", file + ".args")),
                file));
    }

    @Test
    void shouldBeThoseOfDebugWithoutAModel() {
        assertEquals(FlagText.settings("--model debug"), FlagText.settings("--seed 1"));
        assertEquals(256, FlagText.settings("--seed 1").recipe().tokens());
    }

    @Test
    void shouldGiveWayToFlags() {
        Recipe recipe =
                FlagText.settings("--tokens 77 --model S --steps 5 --model B").recipe();
        assertEquals(77, recipe.tokens());
        assertEquals(5, recipe.steps());
        assertEquals(2e-4, recipe.learningRate().peak());
    }

    @Test
    void shouldBeWhatHelpSays() {
        assertTrue(help("--help").contains("(default 400)"), "debug's steps");
        String help = help("--model", "L", "--help");
        assertTrue(help.contains("(default 100000)") && help.contains("(default 1.0E-4)"), help);
    }

    private static String help(String... args) {
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            assertTrue(TrainFlags.parse(args).isEmpty());
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void shouldHaveRoomForTheLargestClip() throws IOException {
        Path data = TinyData.write(root.resolve("data"), 1);
        try (Dataset dataset = Dataset.open(data.toString())) {
            Recipe coarse = FlagText.settings("--model debug --patch 2x4x4").recipe();
            assertEquals(256, ClipOrder.withRoom(dataset, coarse).tokens(), "no clip has more");
            Recipe fine = coarse.withModel(coarse.model().withPatch(new Patch(1, 1, 1)));
            int largest = new ClipOrder(dataset, fine.withTokens(1 << 20)).tokensOfLargestClip();
            assertTrue(largest > 256, "tokens: " + largest);
            assertEquals(largest, ClipOrder.withRoom(dataset, fine).tokens());
        }
    }
}
