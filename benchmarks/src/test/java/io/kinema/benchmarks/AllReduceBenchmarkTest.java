package io.kinema.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AllReduceBenchmarkTest {
    @TempDir
    private Path folder;

    @Test
    void shouldWriteKinemasSideWhenThereIsNoPyTorch() throws IOException {
        Path json = folder.resolve("allreduce.json");
        String said = StandardError.of(() -> assertEquals(
                0,
                AllReduceBenchmark.run(
                        "--megabytes=1,2",
                        "--ranks=3",
                        "--rounds=2",
                        "--peers=gloo",
                        "--python=false",
                        "--json=" + json)));
        assertTrue(said.contains("no PyTorch (") && said.contains("pip install torch==2.13.0"), said);
        JsonNode results = new ObjectMapper().readTree(json.toFile());
        assertEquals(2, results.size());
        for (int i = 0; i < 2; i++) {
            JsonNode result = results.get(i);
            assertEquals(i + 1, result.path("megabytes").asInt());
            assertEquals(3, result.path("ranks").asInt());
            assertTrue(result.path("kinemaMs").asDouble() > 0, result.toString());
            assertEquals(List.of("megabytes", "ranks", "kinemaMs", "glooMs", "mpiMs"), names(result));
            assertTrue(result.get("glooMs").isNull() && result.get("mpiMs").isNull(), result.toString());
        }
    }

    private static List<String> names(JsonNode node) {
        List<String> names = new ArrayList<>();
        node.fieldNames().forEachRemaining(names::add);
        return names;
    }

    @Test
    void shouldSayHowMuchLongerThePeersTake() throws IOException {
        Map<AllReducePeer, Double> peerMs = Map.of(AllReducePeer.GLOO, 30.0, AllReducePeer.MPI, 15.0);
        AllReduceResult all = new AllReduceResult(10, 2, 20, peerMs);
        AllReduceResult some = new AllReduceResult(10, 4, 40, Map.of(AllReducePeer.MPI, 10.0));
        String table = AllReduceResult.table(List.of(all, some));
        // 10 · 2^20 bytes in 20 ms.
        assertTrue(table.contains("| 10 | 2 | 20.00 | 0.52 | 30.00 | 0.35 | 15.00 | 0.70 | 1.50 | 0.75 |\n"), table);
        assertTrue(table.contains("| 10 | 4 | 40.00 | 0.26 | – | – | 10.00 | 1.05 | – | 0.25 |\n"), table);
        Path json = folder.resolve("results.json");
        AllReduceResult.write(json, List.of(all, some));
        JsonNode results = new ObjectMapper().readTree(json.toFile());
        assertEquals(30, results.get(0).path("glooMs").asDouble());
        assertEquals(15, results.get(0).path("mpiMs").asDouble());
        assertTrue(results.get(1).get("glooMs").isNull());
    }

    @Test
    void shouldRefuseFlagsThatMakeNoSense() {
        assertEquals(
                "error: unknown flag --rank; did you mean --ranks? see benchmarks/run.sh allreduce --help",
                mistake("--rank", "2"));
        assertEquals("error: --ranks 1 is out of range; use 2 to 64", mistake("--ranks", "1,2"));
        assertEquals("error: --megabytes 0 is out of range; use 1 to 4096", mistake("--megabytes", "0"));
        assertEquals(
                "error: --megabytes 1MB: '1MB' is no whole number; use some with commas between",
                mistake("--megabytes", "1MB"));
        assertEquals(
                "error: --ranks 2,: '' is no whole number; use some with commas between", mistake("--ranks", "2,"));
        assertEquals("error: --rounds 0 is out of range; use 1 or more", mistake("--rounds", "0"));
        assertEquals("error: --peers nccl is not known; use gloo, mpi, gloo,mpi or none", mistake("--peers", "nccl"));
        assertTrue(mistake(
                        "--megabytes",
                        "1",
                        "--json",
                        folder.resolve("none/a.json").toString())
                .startsWith("error: --json "));
    }

    @Test
    void shouldRefuseVectorsThatDoNotFitThisHost() {
        String said = mistake("--megabytes", "4096", "--ranks", "64", "--peers", "none");
        assertTrue(
                said.startsWith("error: 64 ranks with 4096 MB each take about 563.2 GB on one side, this host has "),
                said);
    }

    /** What a mistake says, one line. */
    private static String mistake(String... args) {
        String said = StandardError.of(() -> assertEquals(2, AllReduceBenchmark.run(args)));
        assertEquals(1, said.lines().count(), said);
        return said.strip();
    }
}
