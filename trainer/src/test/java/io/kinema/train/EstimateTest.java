package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.ConfigException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class EstimateTest {
    private static String output(String... args) throws IOException {
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            assertEquals(0, Estimate.run(args));
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void shouldCountTheTokensOfAMinuteOfVideo() throws IOException {
        String text = output(
                "--seconds",
                "60",
                "--fps",
                "30",
                "--width",
                "1920",
                "--height",
                "1280",
                "--patch",
                "1x80x60",
                "--price-per-million-tokens",
                "15");
        assertTrue(text.contains("921,600 tokens (1800 x 16 x 32)"), text);
        assertTrue(text.contains("13.82 at 15 a million tokens"), text);
    }

    @Test
    void shouldShareMemoryOutAsTheStagesDo() throws IOException {
        // 4 + 4 + 12 bytes of each of the parameters, of which the stages share 12, 16 and 20 out.
        String text = output("--model", "S", "--nodes", "4");
        double n = Workload.parameters(io.kinema.train.model.DitConfig.preset("S")) / 1e6;
        assertTrue(text.contains(String.format(java.util.Locale.ROOT, "%,.1f MB a rank", n * (8 + 3))), text);
        assertTrue(text.contains(String.format(java.util.Locale.ROOT, "%,.1f MB a rank", n * (4 + 4))), text);
        assertTrue(text.contains(String.format(java.util.Locale.ROOT, "%,.1f MB a rank", n * 5)), text);
    }

    @Test
    void shouldSayWhichSizeWouldDivide() {
        String message = assertThrows(ConfigException.class, () -> Estimate.run("--width", "130"))
                .getMessage();
        assertTrue(message.contains("130") && message.contains("136"), message);
    }

    @Test
    void shouldCompressBeforeItCutsPatches() throws IOException {
        String text = output(
                "--compression", "4x8x8", "--patch", "1x2x2", "--seconds", "8", "--width", "256", "--height", "128");
        assertTrue(text.contains("2,048 tokens (16 x 8 x 16)"), text);
    }
}
