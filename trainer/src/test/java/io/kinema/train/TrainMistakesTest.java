package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.shard.Manifest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** What a newcomer gets wrong: one clear line, exit code 2, and no run folder. */
@Execution(ExecutionMode.CONCURRENT)
class TrainMistakesTest {
    @TempDir
    private static Path root;

    private static Path data;
    private static SharedJvm jvm;

    @BeforeAll
    static void makeData() throws Exception {
        data = TinyData.write(root.resolve("data"), 1);
        jvm = SharedJvm.start(root.resolve("work"));
    }

    @AfterAll
    static void endJvm() throws Exception {
        jvm.close();
    }

    private static void expectMistake(String expected, String... args) throws Exception {
        Path run = root.resolve("run");
        List<String> all =
                new ArrayList<>(List.of("--data", data.toString(), "--run", run.toString(), "--model", "debug"));
        all.addAll(Arrays.asList(args));
        String output = jvm.run(Train.class, all.toArray(String[]::new)).expectExit(2);
        List<String> errors =
                output.lines().filter(line -> line.startsWith("error: ")).toList();
        assertEquals(1, errors.size(), output);
        assertTrue(errors.getFirst().contains(expected), output);
        assertFalse(output.contains("\tat "), output);
        assertFalse(Files.exists(run), "a run folder was made");
    }

    @Test
    void shouldSuggestTheNearestFlag() throws Exception {
        expectMistake("did you mean --microbatches?", "--microbatch", "4");
    }

    @Test
    void shouldRefuseMoreRanksThanMicrobatches() throws Exception {
        expectMistake("--microbatches 2 is less than --nodes 4", "--microbatches", "2", "--nodes", "4");
        expectMistake("--microbatches 2 is less than --nodes 4", "--microbatches", "2", "--ranks", "4");
    }

    @Test
    void shouldRefuseValuesThatAreNotKnown() throws Exception {
        expectMistake("[debug, S, B, L, XL]", "--model", "tiny");
        expectMistake("use cpu or nd4j", "--device", "cuda");
        expectMistake("--spike-sigma 0.5 is out of range; use 0 to leave out no step", "--spike-sigma", "0.5");
        expectMistake("use bf16 or fp32", "--precision", "fp8");
        expectMistake("-Pcuda on an NVIDIA card", "--precision", "fp16");
        expectMistake("1 GFLOP/s", "--device", "nd4j", "--precision", "fp16");
        expectMistake("use none or blocks", "--recompute", "layers");
        expectMistake("--threads -1 is out of range", "--device", "cpu", "--threads", "-1");
        expectMistake("--precision fp32 or --device cpu", "--device", "nd4j", "--precision", "bf16");
        expectMistake("computes on one thread", "--device", "nd4j", "--threads", "2");
        expectMistake("--keep-last -1 is out of range", "--keep-last", "-1");
        expectMistake("not a multiple of --checkpoint-every 300", "--keep-every", "500", "--checkpoint-every", "300");
        expectMistake("ddpm-cosine", "--diffusion", "ddpm");
        expectMistake("--reduction quick is unknown; use exact or fast", "--reduction", "quick");
        expectMistake("--wire fp16 is unknown; use fp32 or bf16", "--wire", "fp16", "--reduction", "fast");
        expectMistake("use --reduction fast with it, or --wire fp32", "--wire", "bf16");
        expectMistake("--secret-file nowhere cannot be read", "--secret-file", "nowhere");
        expectMistake("--max-restarts -1 is out of range", "--max-restarts", "-1");
        expectMistake("--min-nodes 3 is not between 0 and --nodes 2", "--nodes", "2", "--min-nodes", "3");
    }

    @Test
    void shouldRefuseDataThatIsNotThereOrDoesNotFit() throws Exception {
        expectMistake("no folder", "--data", root.resolve("nowhere").toString());
        expectMistake("does not divide into patches of 2x8x8", "--patch", "2x8x8");
        expectMistake("--tokens 5", "--tokens", "5");
    }

    @Test
    void shouldRefuseADataSetOfAnotherVersion() throws Exception {
        Path old = TinyData.write(root.resolve("old"), 1);
        Path manifest = old.resolve(Manifest.FILE);
        String text = Files.readString(manifest);
        Files.writeString(manifest, text.replaceFirst("(\"formatVersion\"\\s*:\\s*)\\d+", "$10"));
        expectMistake("version", "--data", old.toString());
    }

    @Test
    void shouldRefuseARunFolderThatCannotBeWritten() throws Exception {
        Path file = Files.createFile(root.resolve("file"));
        String run = file.resolve("run").toString();
        String output = jvm.run(Train.class, "--data", data.toString(), "--run", run, "--model", "debug")
                .expectExit(2);
        assertTrue(output.contains("cannot be written"), output);
    }

    @Test
    void shouldNameADamagedShard() throws Exception {
        Path damaged = TinyData.write(root.resolve("damaged"), 1);
        try (Stream<Path> shards = Files.list(damaged.resolve("shards"))) {
            Path shard = shards.sorted().findFirst().orElseThrow();
            byte[] bytes = Files.readAllBytes(shard);
            bytes[bytes.length / 2] ^= 1;
            Files.write(shard, bytes);
            try (LaunchedProgram training = LaunchedProgram.start(
                    Train.class,
                    root.resolve("work"),
                    "--data",
                    damaged.toString(),
                    "--run",
                    root.resolve("shards").toString(),
                    "--model",
                    "debug",
                    "--tokens",
                    "64",
                    "--steps",
                    "9",
                    "--microbatches",
                    "2")) {
                String output = training.expectExit(1);
                assertTrue(output.contains(shard.getFileName().toString()) && output.contains("SHA-256"), output);
            }
        }
    }

    @Test
    void shouldExplainEveryFlag() throws Exception {
        try (LaunchedProgram training = LaunchedProgram.start(Train.class, root.resolve("work"), "--help")) {
            String output = training.expectExit(0);
            for (String flag : List.of(
                    "--nodes, --ranks VALUE",
                    "--data",
                    "--run",
                    "--resume",
                    "--seed",
                    "--checkpoint-every",
                    "--max-restarts",
                    "--min-nodes",
                    "--explain-order",
                    "--spike-sigma",
                    "--checkpoint-async")) {
                assertTrue(output.contains(flag), flag);
            }
        }
    }
}
