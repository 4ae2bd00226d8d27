package io.kinema.train.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
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

class MetricsLogTest {
    @TempDir
    private Path folder;

    private static StepMetrics step(long number) {
        return new StepMetrics(number, 0, 0.5, 1, 1e-3, 100, 10, 1, 2, 1e4, 0.01, 0.5, 1 << 30);
    }

    @Test
    void shouldWriteEveryFieldThatReadersRelyOn() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        try (MetricsLog log = MetricsLog.open(file, 0)) {
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
                "tokensPerSecond",
                "tflops",
                "utilisation",
                "residentBytes")) {
            assertTrue(line.path(field).isNumber(), field);
        }
    }

    @Test
    void shouldHoldEachStepOnceAfterARestart() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        try (MetricsLog log = MetricsLog.open(file, 0)) {
            for (long number = 1; number <= 5; number++) {
                log.write(step(number));
            }
        }
        Files.writeString(file, "{\"step\":6,\"lo", StandardOpenOption.APPEND);
        try (MetricsLog log = MetricsLog.open(file, 3)) {
            log.write(step(4));
        }
        ObjectMapper json = new ObjectMapper();
        List<String> lines = Files.readAllLines(file);
        assertEquals(4, lines.size());
        for (int i = 0; i < 4; i++) {
            assertEquals(i + 1, json.readTree(lines.get(i)).path("step").asLong());
        }
    }
}
