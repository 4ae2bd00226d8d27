package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.CheckpointState;
import io.kinema.train.checkpoint.WeightsKind;
import io.kinema.train.checkpoint.WholeCheckpoint;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.SpacetimeDit;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Whole runs, with real processes. All of them train the same, so all must end with the same weights. */
@Execution(ExecutionMode.CONCURRENT)
class TrainRunTest {
    private static final int STEPS = 8;

    @TempDir
    private static Path root;

    private static Path data;

    /** The digest of the weights that an undisturbed run on one node ends with. */
    private static String expected;

    @BeforeAll
    static void trainUndisturbed() throws Exception {
        data = TinyData.write(root.resolve("data"), 1);
        try (LaunchedProgram training = start("undisturbed", "--nodes", "1")) {
            String output = training.expectExit(0);
            assertTrue(output.contains("step 8/8") && output.contains("ETA 0:00"), output);
        }
        expected = digestOf("undisturbed");
    }

    private static LaunchedProgram start(String run, String... more) throws IOException {
        return start(List.of(), run, more);
    }

    private static LaunchedProgram start(List<String> jvmFlags, String run, String... more) throws IOException {
        return LaunchedProgram.start(jvmFlags, Train.class, root.resolve("work"), args(run, more));
    }

    private static String[] args(String run, String... more) {
        List<String> args = new ArrayList<>(List.of(
                "--data", data.toString(),
                "--run", root.resolve(run).toString(),
                "--model", "2x24x2",
                "--caption-model", "1x16x2",
                "--patch", "2x4x4",
                "--microbatches", "4",
                "--tokens", "40",
                "--steps", Integer.toString(STEPS),
                "--learning-rate", "1e-3",
                "--warmup", "4",
                "--checkpoint-every", "2",
                "--sample-steps", "0",
                "--timeout-seconds", "30",
                "--device", "cpu",
                "--precision", "fp32",
                "--threads", "1"));
        args.addAll(Arrays.asList(more));
        return args.toArray(String[]::new);
    }

    private static String digestOf(String run) throws IOException {
        return digestOf(run, STEPS);
    }

    private static String digestOf(String run, int step) throws IOException {
        return new TrainedRun(root.resolve(run)).digest(step);
    }

    private static Path checkpoint(String run, int step) {
        return new TrainedRun(root.resolve(run)).checkpoint(step);
    }

    private static void expectEveryStepOnce(String run) throws IOException {
        new TrainedRun(root.resolve(run)).expectStepsOf(new TrainedRun(root.resolve("undisturbed")), STEPS);
    }

    /** Nor do the bits depend on which of Java's compilers the kernels are from. */
    @Test
    void shouldEndWithTheSameBitsOnTwoNodes() throws Exception {
        try (LaunchedProgram training = start(List.of(LaunchedProgram.OPTIMISED), "two", "--nodes", "2")) {
            training.expectExit(0);
        }
        assertEquals(expected, digestOf("two"));
        expectEveryStepOnce("two");
        assertTrue(Files.size(root.resolve("two/logs/rank-00001.log")) >= 0);
    }

    @Test
    void shouldEndWithTheSameBitsOnFourNodesOverUdp() throws Exception {
        try (LaunchedProgram training = start("four", "--nodes", "4", "--transport", "udp")) {
            training.expectExit(0);
        }
        assertEquals(expected, digestOf("four"));
        expectEveryStepOnce("four");
    }

    /** Neither the number of threads counts, nor that blocks are computed again; nor where the run began. */
    @Test
    void shouldEndWithTheSameBitsInBf16() throws Exception {
        String[] mixed = {"--precision", "bf16", "--steps", "6", "--checkpoint-every", "3"};
        try (LaunchedProgram training = start("bf16-one", append(mixed, "--nodes", "1"))) {
            training.expectExit(0);
        }
        String halfway = checkpoint("bf16-one", 3).toString();
        String[] otherwise = {"--nodes", "2", "--threads", "2", "--recompute", "blocks", "--resume", halfway};
        try (LaunchedProgram training = start("bf16-two", append(mixed, otherwise))) {
            assertTrue(training.expectExit(0).contains("resuming from"), training.output());
        }
        assertEquals(digestOf("bf16-one", 6), digestOf("bf16-two", 6));
    }

    private static String[] append(String[] args, String... more) {
        List<String> all = new ArrayList<>(List.of(args));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    @Test
    void shouldSayThatItGoesOnInAnotherPrecision() throws Exception {
        String from = checkpoint("undisturbed", 6).toString();
        try (LaunchedProgram training = start("narrowed", "--precision", "bf16", "--resume", from, "--steps", "7")) {
            String output = training.expectExit(0);
            String changes = "was trained with --steps 8, --precision fp32; going on with --steps 7, --precision bf16";
            assertTrue(output.contains(changes), output);
        }
    }

    @Test
    void shouldTrainOnNd4j() throws Exception {
        try (LaunchedProgram training = start("nd4j", "--device", "nd4j", "--nodes", "2", "--steps", "2")) {
            assertTrue(training.expectExit(0).contains("device nd4j, fp32, 1 thread"), training.output());
        }
        double loss = lossOf("nd4j", 2);
        assertEquals(lossOf("undisturbed", 2), loss, 1e-4 * loss);
    }

    private static double lossOf(String run, int step) throws IOException {
        String line =
                Files.readAllLines(root.resolve(run).resolve("metrics.jsonl")).get(step - 1);
        return new ObjectMapper().readTree(line).path("loss").asDouble();
    }

    @Test
    void shouldStopEveryRankBeforeTheOptimizerWhenTheLossIsNotFinite() throws Exception {
        Path poisoned = poison(Checkpoint.open(checkpoint("undisturbed", 4)));
        try (LaunchedProgram training = start("poisoned", "--nodes", "2", "--resume", poisoned.toString())) {
            String output = training.expectExit(1);
            assertTrue(output.contains("step 5, microbatch") && output.contains(".mp4#0"), output);
            assertFalse(output.contains("restart 1"), "the same would come out again: " + output);
        }
        for (String log : List.of("rank-00000.log", "rank-00001.log")) {
            String text = Files.readString(root.resolve("poisoned/logs").resolve(log));
            assertTrue(
                    text.contains("step 5, microbatch 0") && text.contains("no weight was changed"), log + ": " + text);
        }
        assertTrue(new CheckpointFolder(root.resolve("poisoned/checkpoints"))
                .list()
                .isEmpty());
    }

    /** A checkpoint that is whole, but for a weight that is not a number. */
    private static Path poison(Checkpoint from) throws IOException {
        CheckpointState state = from.state();
        ParameterLayout layout = new SpacetimeDit(state.config().model().toConfig()).layout();
        CheckpointFolder folder = new CheckpointFolder(root.resolve("poison"));
        try (Arena arena = Arena.ofConfined()) {
            long bytes = layout.flatSize() * Float.BYTES;
            MemorySegment weights = arena.allocate(bytes, 8);
            MemorySegment first = arena.allocate(bytes, 8);
            MemorySegment second = arena.allocate(bytes, 8);
            from.readWeights(WeightsKind.MODEL, layout, 0, weights);
            from.readOptimizer(layout, 0, first, second);
            weights.setAtIndex(ValueLayout.JAVA_FLOAT, 5, Float.NaN);
            return new WholeCheckpoint(layout, weights, weights, first, second).write(folder, state, 1);
        }
    }

    @Test
    void shouldKeepTheCheckpointsThatAreAskedFor() throws Exception {
        try (LaunchedProgram training = start("kept", "--nodes", "1", "--keep-last", "1", "--keep-every", "4")) {
            String output = training.expectExit(0);
            assertTrue(output.contains("deleted step-00000002 (--keep-last 1)"), output);
        }
        assertEquals(
                List.of(checkpoint("kept", 8), checkpoint("kept", 4)),
                new CheckpointFolder(root.resolve("kept/checkpoints")).list());
        assertEquals(expected, digestOf("kept"));
    }

    @Test
    void shouldEndWithTheSameBitsWhenCheckpointsAreWrittenMeanwhile() throws Exception {
        String[] flags = {"--checkpoint-async", "--keep-last", "2", "--zero", "2"};
        try (LaunchedProgram training = start("meanwhile", append(flags, "--nodes", "2"))) {
            training.awaitOutput("step 5/8");
            training.terminate();
            training.expectExit(143);
        }
        try (LaunchedProgram training = start("meanwhile", append(flags, "--nodes", "1"))) {
            assertTrue(training.expectExit(0).contains("resuming from"), training.output());
        }
        assertEquals(
                List.of(checkpoint("meanwhile", 8), checkpoint("meanwhile", 6)),
                new CheckpointFolder(root.resolve("meanwhile/checkpoints")).list());
        assertEquals(expected, digestOf("meanwhile"));
        assertEquals(digestOf("undisturbed", 6), digestOf("meanwhile", 6));
        expectEveryStepOnce("meanwhile");
    }

    @Test
    void shouldRepeatARunFromItsFlags() throws Exception {
        Path args = root.resolve("undisturbed/run.args");
        Path repeated = root.resolve("repeated");
        try (LaunchedProgram training =
                LaunchedProgram.start(Train.class, root.resolve("work"), "@" + args, "--run", repeated.toString())) {
            training.expectExit(0);
        }
        assertEquals(expected, digestOf("repeated"));
    }

    @Test
    void shouldRefuseToGoOnWithSomethingElse() throws Exception {
        String other = TinyData.write(root.resolve("other"), 2).toString();
        try (SharedJvm jvm = SharedJvm.start(root.resolve("work"))) {
            expectRefused(jvm, "width=24", "--model", "S", "--patch", "2x4x4");
            expectRefused(jvm, "--diffusion", "--diffusion", "ddpm-linear");
            expectRefused(jvm, "--seed", "--seed", "2");
            expectRefused(jvm, "--data", "--data", other);
            expectRefused(jvm, "--steps is 8");
            expectRefused(jvm, "another --run", "--resume", "never");
        }
    }

    private static void expectRefused(SharedJvm jvm, String hint, String... more) throws Exception {
        String output = jvm.run(Train.class, args("undisturbed", more)).expectExit(2);
        assertTrue(output.contains("error: ") && output.contains(hint), output);
        assertEquals(expected, digestOf("undisturbed"));
    }
}
