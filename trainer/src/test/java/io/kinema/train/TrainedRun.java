package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What a training has left behind.
 *
 * @param folder of the run
 */
public record TrainedRun(Path folder) {
    private static final ObjectMapper JSON = new ObjectMapper();

    public Path checkpoint(int step) {
        return folder.resolve("checkpoints").resolve(String.format("step-%08d", step));
    }

    /** SHA-256 of the weights. */
    public String digest(int step) throws IOException {
        return digest(checkpoint(step));
    }

    /** SHA-256 of a checkpoint's weights. */
    public static String digest(Path checkpoint) throws IOException {
        JsonNode manifest = JSON.readTree(checkpoint.resolve("manifest.json").toFile());
        return manifest.path("files").path("model.safetensors").path("sha256").asText();
    }

    /** Each step must stand in the metrics once, with the same results as in another run. */
    public void expectStepsOf(TrainedRun other, int steps) throws IOException {
        List<String> lines = Files.readAllLines(folder.resolve("metrics.jsonl"));
        List<String> expected = Files.readAllLines(other.folder.resolve("metrics.jsonl"));
        assertEquals(steps, lines.size());
        for (int i = 0; i < steps; i++) {
            JsonNode line = JSON.readTree(lines.get(i));
            JsonNode undisturbed = JSON.readTree(expected.get(i));
            assertEquals(i + 1, line.path("step").asInt());
            for (String field : List.of("loss", "gradNorm", "learningRate", "tokens")) {
                assertEquals(
                        undisturbed.path(field).asDouble(), line.path(field).asDouble(), field + " of step " + (i + 1));
            }
        }
    }
}
