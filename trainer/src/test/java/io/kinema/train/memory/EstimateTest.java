package io.kinema.train.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import io.kinema.train.model.DitConfig;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
    void shouldSayTheMemoryOfMoreParametersThanAnIntCounts() throws IOException {
        String text = output("--model", "40x2048x16", "--caption-model", "6x512x8", "--precision", "fp32");
        assertTrue(text.contains("3,475,770,496 parameters"), text);
        assertTrue(text.contains("memory, --zero 3"), text);
        // One block has more than 2³¹.
        String wide = output("--model", "1x16384x16", "--caption-model", "6x512x8", "--precision", "fp32");
        assertTrue(wide.contains("6,235,430,016 parameters"), wide);
        for (String found : List.of(text, wide)) {
            Matcher memory = Pattern.compile("([\\d,]+) parameters.*?([\\d,.]+) MB a rank", Pattern.DOTALL)
                    .matcher(found);
            assertTrue(memory.find(), found);
            double parameters = Double.parseDouble(memory.group(1).replace(",", ""));
            double bytes = 1e6 * Double.parseDouble(memory.group(2).replace(",", ""));
            assertTrue(bytes > 28 * parameters && bytes < 33 * parameters, found);
        }
    }

    @Test
    void shouldSayTheMemoryThatStagesWereMeasuredToTake() throws IOException {
        // Bytes a parameter of docs/memory.md, which ZeroMemoryTest holds against a rank's tensors.
        expectMemory("fp32", 1, 28.68, 28.68, 28.68);
        expectMemory("fp32", 8, 10.00, 6.98, 4.46);
        expectMemory("bf16", 4, 11.68, 7.98, 6.97);
    }

    private static void expectMemory(String precision, int nodes, double... bytesOfStages) throws IOException {
        String text = output(
                "--model", "S", "--patch", "2x4x4", "--nodes", Integer.toString(nodes), "--precision", precision);
        double n = Workload.parameters(DitConfig.preset("S").withPatch(new Patch(2, 4, 4)));
        List<Double> found = Pattern.compile("([\\d,.]+) MB a rank")
                .matcher(text)
                .results()
                .map(match -> Double.parseDouble(match.group(1).replace(",", "")) * 1e6 / n)
                .toList();
        assertEquals(bytesOfStages.length, found.size(), text);
        for (int i = 0; i < bytesOfStages.length; i++) {
            assertEquals(bytesOfStages[i], found.get(i), 0.02 * bytesOfStages[i], text);
        }
    }

    @Test
    void shouldTakeRanksForNodes() throws IOException {
        assertEquals(output("--nodes", "4"), output("--ranks", "4"));
        assertTrue(output("--ranks", "4").contains("MB a rank of 4"));
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
