package io.kinema.recaption.measure;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Caption;
import io.kinema.recaption.TinyData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CaptionScoresTest {
    private static final List<String> TRUTH =
            List.of("two red stars spin over a white background", "two red stars spin");

    @TempDir
    private Path folder;

    /** Of 8 of 10 (Wilson's formula worked out by hand): centre 0.7168, half 0.2265. */
    @Test
    void shouldGiveWilsonsInterval() {
        assertArrayEquals(new double[] {0.4902, 0.9433}, new CaptionScores.Share(8, 10).interval(), 1e-4);
        assertEquals(1, new CaptionScores.Share(5, 5).interval()[1], 1e-12);
        assertTrue(new CaptionScores.Share(5, 5).interval()[0] < 0.6);
    }

    @Test
    void shouldCountTheAttributesThatAreRight() {
        CaptionScores.Collector collector = new CaptionScores.Collector("detailed", "dl4j", "0123");
        collector.add(caption("there are two red stars that spin over a white background"), TRUTH);
        collector.add(caption("three red stars spin over a black background"), TRUTH);
        collector.add(caption("two blue circles spin"), TRUTH);
        // Not one of the synthetic videos: it counts for the other scores only.
        collector.add(caption("a dog runs along a beach"), List.of("a dog runs"));
        CaptionScores scores = collector.scores();
        assertEquals(4, scores.captions());
        assertEquals(new CaptionScores.Share(2, 3), scores.attributes().get("count"));
        assertEquals(new CaptionScores.Share(2, 3), scores.attributes().get("colour"));
        assertEquals(new CaptionScores.Share(2, 3), scores.attributes().get("shape"));
        assertEquals(new CaptionScores.Share(3, 3), scores.attributes().get("motion"));
        assertEquals(new CaptionScores.Share(1, 3), scores.attributes().get("background"));
        assertEquals(new CaptionScores.Share(1, 3), scores.attributes().get("all"));
    }

    @Test
    void shouldNotCountWhatAStyleNeverNames() {
        CaptionScores.Collector collector = new CaptionScores.Collector("short", "dl4j", "0123");
        collector.add(caption("two red stars spin"), TRUTH);
        assertFalse(collector.scores().attributes().containsKey("background"));
        assertFalse(collector.scores().attributes().containsKey("all"));
    }

    @Test
    void shouldMeasureADataSet() throws IOException {
        new TinyData(1, 8, 8)
                .solid("a#0", 0, TRUTH.get(0), TRUTH.get(1))
                .solid("b#0", 0)
                .write(folder.resolve("data"));
        TinyData.caption(
                folder.resolve("data"),
                folder.resolve("captioned"),
                clip -> List.of(TinyData.written(TRUTH.getFirst(), "detailed", 0.5)));
        Path json = folder.resolve("scores.json");
        assertEquals(
                0, MeasureCommand.run("--data", folder.resolve("captioned").toString(), "--json", json.toString()));
        assertTrue(Files.readString(json).contains("\"bleu4\" : 1.0"), Files.readString(json));
        ConfigException none = assertThrows(
                ConfigException.class,
                () -> MeasureCommand.run("--data", folder.resolve("data").toString()));
        assertTrue(none.getMessage().contains("launch/recaption.sh run"), none.getMessage());
    }

    private static Caption caption(String text) {
        return TinyData.written(text, "detailed", 0.5);
    }
}
