package io.kinema.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kinema.train.tensor.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StepBenchmarkTest {
    /** Tells a loss that is not Kinema's, then any time. */
    private static final String OTHER_WORK = """
            #!/bin/sh
            echo '{"torch": "0"}'
            read request
            echo '{"loss": 12345.0, "variant": "eager", "note": ""}'
            """;

    /** What a fake process says of a step, in turn: the first is an outlier. */
    private static final String TIMES = """
            #!/bin/sh
            echo '{"torch": "0"}'
            read request
            echo '{"loss": 1.0, "variant": "eager, looped", "note": "not compiled"}'
            for ms in 900.0 20.0 30.0; do read request; echo "{\\"ms\\": $ms}"; done
            """;

    @TempDir
    private Path folder;

    @Test
    void shouldWriteKinemasSideWhenThereIsNoPyTorch() throws IOException {
        Path json = folder.resolve("step.json");
        assertEquals(0, run("--rounds", "2", "--warmup", "1", "--python", "false", "--json", json.toString()));
        JsonNode results = new ObjectMapper().readTree(json.toFile());
        assertEquals(1, results.size());
        JsonNode result = results.get(0);
        assertEquals("tiny", result.path("case").asText());
        assertEquals("fp32", result.path("precision").asText());
        assertTrue(result.path("kinemaMs").asDouble() > 0);
        double percent = result.path("percentOfPeak").asDouble();
        assertTrue(percent > 0 && percent < 100, "percentOfPeak " + percent);
        assertFalse(result.has("peerMs") || result.has("ratio"), result.toString());
    }

    @Test
    void shouldRefuseAPeerThatDoesOtherWork() throws IOException {
        assertEquals(1, run("--rounds", "1", "--warmup", "1", "--python", script(OTHER_WORK)));
    }

    @Test
    void shouldRefuseFlagsThatItDoesNotKnow() throws IOException {
        String said = captured("--case", "tiny");
        assertEquals(
                "error: unknown flag --case; did you mean --cases? see benchmarks/run.sh step --help", said.strip());
        assertTrue(
                captured("--cases", "short,huge").startsWith("error: --cases huge is not known; use some of [short"));
        assertTrue(captured("--rounds", "0").startsWith("error: --rounds 0 is out of range"));
        assertTrue(captured("--json", folder.resolve("none/a.json").toString()).startsWith("error: --json "));
    }

    @Test
    void shouldTakeMediansOfWhatThePeerSays() throws Exception {
        try (PeerProcess peer = PeerProcess.start(script(TIMES), Path.of("step.py"), 1)) {
            StepCase tiny = StepCase.parse("tiny").getFirst();
            assertEquals("eager, looped", peer.prepare(tiny, Precision.FP32).variant());
            double[] ms = {peer.stepMs(), peer.stepMs(), peer.stepMs()};
            StepResult.Peer side = new StepResult.Peer(StepResult.median(ms), "eager, looped", "not compiled");
            StepResult result = new StepResult("tiny", "fp32", 10, 2e9, 1e12, List.of(side));
            String table = StepResult.table(List.of(result));
            assertTrue(table.contains("| tiny | fp32 | 10.0 | 200 | 1000 | 20 | 30.0 | eager, looped | 3.00 |"), table);
            assertTrue(table.contains("Geometric mean, fp32: 3.00"), table);
            assertTrue(table.contains("tiny fp32, PyTorch: not compiled"), table);
        }
    }

    private String script(String text) throws IOException {
        Path file = Files.writeString(folder.resolve("peer.sh"), text);
        assertTrue(file.toFile().setExecutable(true));
        return file.toString();
    }

    private static int run(String... more) {
        String[] args = new String[more.length + 6];
        System.arraycopy(new String[] {"--cases", "tiny", "--precisions", "fp32", "--device", "nd4j"}, 0, args, 0, 6);
        System.arraycopy(more, 0, args, 6, more.length);
        return StepBenchmark.run(args);
    }

    /** What a mistake says, one line. */
    private static String captured(String... args) {
        String text = StandardError.of(() -> assertEquals(2, StepBenchmark.run(args)));
        assertEquals(1, text.lines().count(), text);
        return text;
    }
}
