package io.kinema.train.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StepLogTest {
    @TempDir
    private Path folder;

    private static StepMetrics step(long number) {
        return new StepMetrics(
                number, 0, 0.5, 1, 1e-3, 100, 1e8, 10, 1, 2, 1, 0, 1e4, 0.01, 0.5, 1 << 30, 0, "", "", "");
    }

    @Test
    void shouldWriteEveryFieldThatReadersRelyOn() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        try (StepLog log = StepLog.open(file, 0)) {
            log.write(step(1));
        }
        JsonNode line = new ObjectMapper().readTree(Files.readAllLines(file).getFirst());
        for (String field : List.of(
                "step",
                "loss",
                "gradNorm",
                "learningRate",
                "tokens",
                "stepMs",
                "dataMs",
                "commMs",
                "commExposedMs",
                "tokensPerSecond",
                "tflops",
                "utilisation",
                "residentBytes")) {
            assertTrue(line.path(field).isNumber(), field);
        }
    }

    @Test
    void shouldSayWhatBecameOfAScaledLossAndNothingOfItElsewhere() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        try (StepLog log = StepLog.open(file, 0)) {
            log.write(step(1));
            log.write(scaled(2, 0.25, false));
            log.write(scaled(3, Double.POSITIVE_INFINITY, true));
        }
        ObjectMapper json = new ObjectMapper();
        List<String> lines = Files.readAllLines(file);
        assertFalse(lines.get(0).contains("lossScale") || lines.get(0).contains("skipped"), lines.get(0));
        assertEquals(0.25, json.readTree(lines.get(1)).path("gradNorm").doubleValue());
        assertEquals(65_536, json.readTree(lines.get(1)).path("lossScale").doubleValue());
        assertFalse(json.readTree(lines.get(1)).has("skipped"));
        assertTrue(json.readTree(lines.get(2)).path("gradNorm").isNull());
        assertTrue(json.readTree(lines.get(2)).path("skipped").booleanValue());
        assertEquals(
                "overflow at loss scale 65536.0",
                json.readTree(lines.get(2)).path("skippedBecause").textValue());
        assertTrue(new ProgressLine(3)
                .of(scaled(3, Double.NaN, true))
                .endsWith("(skipped: overflow at loss scale 65536.0)"));
        assertFalse(new ProgressLine(3).of(scaled(2, 0.25, false)).contains("scale"));
    }

    private static StepMetrics scaled(long number, double norm, boolean skipped) {
        String because = skipped ? "overflow at loss scale 65536.0" : "";
        return new StepMetrics(
                number, 0, 0.5, norm, 1e-3, 100, 1e8, 10, 1, 2, 1, 0, 1e4, 0.01, 0.5, 1 << 30, 65_536, because, "", "");
    }

    @Test
    void shouldSayHowGradientsWereSummedUnlessExactly() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        try (StepLog log = StepLog.open(file, 0)) {
            log.write(step(1));
            log.write(new StepMetrics(
                    2, 0, 0.5, 1, 1e-3, 100, 1e8, 10, 1, 2, 1, 0, 1e4, 0.01, 0.5, 1 << 30, 0, "", "fast", "bf16"));
        }
        List<String> lines = Files.readAllLines(file);
        assertFalse(lines.get(0).contains("reduction") || lines.get(0).contains("wire"), lines.get(0));
        assertTrue(lines.get(1).contains("\"reduction\":\"fast\",\"wire\":\"bf16\""), lines.get(1));
    }

    @Test
    void shouldHoldEachStepOnceAfterARestart() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        try (StepLog log = StepLog.open(file, 0)) {
            for (long number = 1; number <= 5; number++) {
                log.write(step(number));
            }
        }
        Files.writeString(file, "{\"step\":6,\"lo", StandardOpenOption.APPEND);
        try (StepLog log = StepLog.open(file, 3)) {
            log.write(step(4));
        }
        ObjectMapper json = new ObjectMapper();
        List<String> lines = Files.readAllLines(file);
        assertEquals(4, lines.size());
        for (int i = 0; i < 4; i++) {
            assertEquals(i + 1, json.readTree(lines.get(i)).path("step").asLong());
        }
    }

    @Test
    void shouldGoOnBehindALineThatIsTornWithinACharacter() throws IOException {
        Path file = folder.resolve("spikes.jsonl");
        try (StepLog log = StepLog.open(file, 0)) {
            log.write(step(1));
        }
        Files.write(file, new byte[] {'{', '"', (byte) 0xC3}, StandardOpenOption.APPEND);
        try (StepLog log = StepLog.open(file, 1)) {
            log.write(step(2));
        }
        List<String> lines = Files.readAllLines(file);
        assertEquals(2, lines.size());
        assertEquals(2, new ObjectMapper().readTree(lines.get(1)).path("step").asLong());
    }
}
