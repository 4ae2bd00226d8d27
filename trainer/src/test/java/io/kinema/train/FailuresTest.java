package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.Fault.Harm;
import io.kinema.train.Fault.Phase;
import io.kinema.train.checkpoint.CheckpointFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Ranks that fail in every phase of training, with real processes: what is restarted ends with the weights of a run
 * that nothing disturbed.
 */
@Execution(ExecutionMode.CONCURRENT)
class FailuresTest {
    private static final int STEPS = 18;
    private static final int NODES = 2;

    @TempDir
    private static Path root;

    private static Path data;
    private static TrainedRun undisturbed;

    @BeforeAll
    static void trainUndisturbed() throws Exception {
        data = TinyData.write(root.resolve("data"), 1);
        undisturbed = new TrainedRun(root.resolve("undisturbed"));
        try (LaunchedProgram training = start(undisturbed, List.of(), "--nodes", "1")) {
            training.expectExit(0);
        }
    }

    private static LaunchedProgram start(TrainedRun run, List<Fault> faults, String... more) throws IOException {
        return start(run, data, faults, more);
    }

    private static LaunchedProgram start(TrainedRun run, Path data, List<Fault> faults, String... more)
            throws IOException {
        List<String> args = new ArrayList<>(List.of(
                "--data", data.toString(),
                "--run", run.folder().toString(),
                "--model", "2x24x2",
                "--caption-model", "1x16x2",
                "--patch", "2x4x4",
                "--microbatches", "4",
                "--tokens", "40",
                "--steps", Integer.toString(STEPS),
                "--learning-rate", "1e-3",
                "--warmup", "4",
                "--checkpoint-every", "3",
                "--sample-steps", "0",
                "--device", "nd4j",
                "--precision", "fp32",
                "--threads", "1"));
        args.addAll(Arrays.asList(more));
        Path folder = faultsOf(run);
        Fault.write(folder, faults);
        List<String> jvmFlags = List.of(FaultAgent.flag(folder, run.folder(), data));
        return LaunchedProgram.start(jvmFlags, Train.class, root.resolve("work"), args.toArray(String[]::new));
    }

    private static Path faultsOf(TrainedRun run) {
        return root.resolve("faults-" + run.folder().getFileName());
    }

    private static void expectUndisturbed(TrainedRun run, List<Fault> faults) throws IOException {
        for (Fault fault : faults) {
            assertTrue(Files.exists(fault.marker(faultsOf(run))), fault + " has not happened");
        }
        assertEquals(undisturbed.digest(STEPS), run.digest(STEPS));
        run.expectStepsOf(undisturbed, STEPS);
    }

    private static List<String> hangReports(TrainedRun run) throws IOException {
        try (Stream<Path> files = Files.list(run.folder())) {
            List<String> reports = new ArrayList<>();
            for (Path file : files.filter(path -> path.getFileName().toString().startsWith("hang-"))
                    .sorted()
                    .toList()) {
                reports.add(Files.readString(file));
            }
            return reports;
        }
    }

    /**
     * The first report with all these texts, empty if there is none; a machine that is busy may hold other ranks up for
     * as long.
     */
    private static String reportWith(TrainedRun run, String... texts) throws IOException {
        return hangReports(run).stream()
                .filter(report -> Arrays.stream(texts).allMatch(report::contains))
                .findFirst()
                .orElse("");
    }

    /**
     * A sixth of what harms a rank in which phase: three phases of a third. The commit draws the sixth. Every start of
     * the ranks meets the next fault.
     */
    @Test
    void shouldEndWithTheSameWeightsWhereverARankFails() throws Exception {
        TestedCommit commit = TestedCommit.of(Path.of("").toAbsolutePath());
        int sixth = commit.part(2 * FaultThirds.THIRDS);
        List<Fault> faults = FaultThirds.half(sixth / 2, sixth % 2, NODES);
        System.out.println("commit " + commit.hash() + " draws sixth " + sixth + " of harms and phases: " + faults
                + "; -Pexhaustive tests all");
        expectUndisturbedInSpiteOf(faults, new TrainedRun(root.resolve("drawn")));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    @Tag("exhaustive")
    void shouldEndWithTheSameWeightsWhateverHappensInWhichPhase(int third) throws Exception {
        expectUndisturbedInSpiteOf(FaultThirds.of(third, NODES), new TrainedRun(root.resolve("third-" + third)));
    }

    private static void expectUndisturbedInSpiteOf(List<Fault> faults, TrainedRun run) throws Exception {
        try (LaunchedProgram training =
                start(run, faults, "--nodes", "" + NODES, "--max-restarts", "9", "--timeout-seconds", "6")) {
            String output = training.expectExit(0);
            long restarts =
                    output.lines().filter(line -> line.startsWith("restart ")).count();
            assertTrue(restarts >= faults.size(), faults + " " + output);
        }
        expectUndisturbed(run, faults);
        // A machine that is busy may hold a rank up for that long without a fault.
        Iterator<String> reports = hangReports(run).iterator();
        for (Fault fault : faults) {
            if (fault.harm() == Harm.STOP) {
                String blame = "did not arrive: rank " + fault.rank() + "\n\nrank " + fault.rank() + ", process ";
                String report = reports.next();
                while (!report.contains(blame) || !report.contains("is stopped, by SIGSTOP")) {
                    assertTrue(reports.hasNext(), fault + " " + hangReports(run));
                    report = reports.next();
                }
            }
        }
    }

    /**
     * The network is cut for three seconds in each phase, while it loses datagrams all the time; nothing has to be
     * started again.
     */
    @Test
    void shouldEndWithTheSameWeightsWhateverTheNetworkLoses() throws Exception {
        Random random = new Random(47);
        List<Fault> faults = new ArrayList<>();
        faults.add(new Fault(0, Phase.LOADING, Harm.LOSE_ONE_PERCENT, 0, 1));
        faults.add(new Fault(1, Phase.OPTIMIZER, Harm.LOSE_TEN_PERCENT, 1, 40));
        for (Phase phase : FaultThirds.PHASES) {
            faults.add(Fault.at(faults.size(), phase, Harm.CUT_NETWORK, NODES, random));
        }
        TrainedRun run = new TrainedRun(root.resolve("network"));
        try (LaunchedProgram training = start(run, faults, "--nodes", "" + NODES, "--transport", "udp")) {
            String output = training.expectExit(0);
            assertFalse(output.contains("restart "), output);
        }
        for (Fault fault : faults) {
            assertTrue(Files.exists(fault.lossMarker(faultsOf(run))), fault + " lost nothing");
        }
        expectUndisturbed(run, faults);
    }

    @Test
    void shouldReportWhatARankThatHangsIsDoing() throws Exception {
        List<Fault> faults =
                List.of(new Fault(0, Phase.JOIN, Harm.HANG, 2, 1), new Fault(1, Phase.BACKWARD, Harm.HANG, 1, 5));
        TrainedRun run = new TrainedRun(root.resolve("hang"));
        try (LaunchedProgram training = start(run, faults, "--nodes", "3", "--timeout-seconds", "8")) {
            String output = training.expectExit(0);
            assertTrue(
                    output.contains("restart 1 of 3: rank 2 did not come: after 8 s rank 2 of 3 had not joined"),
                    output);
            assertTrue(
                    output.contains("did not come: rank 0 waited ") || output.contains("did not come: rank 2 waited "),
                    output);
            assertFalse(output.contains("Full thread dump"), "stacks belong into the report: " + output);
        }
        expectUndisturbed(run, faults);
        assertFalse(reportWith(run, "did not arrive: rank 2\n", "Rank.join").isEmpty(), "" + hangReports(run));
        String report = reportWith(run, "did not arrive: rank 1\n", "FaultAgent.entered", "SpacetimeDit.backward");
        assertTrue(
                report.lines()
                        .anyMatch(line ->
                                line.matches("rank . waited \\d+ s in reduce-scatter of step 2 \\(gradients.*\\)"
                                        + " for (.* and )?rank 1 \\(.*")),
                report);
        assertTrue(report.contains("\n  rank 0 ") && report.contains("\n  rank 2 "), report);
    }

    @Test
    void shouldSurviveAFullDiskAndDamagedCheckpoints() throws Exception {
        List<Fault> faults = List.of(
                new Fault(0, Phase.CHECKPOINT, Harm.KILL, 0, 2),
                new Fault(1, Phase.OPTIMIZER, Harm.TEAR_CHECKPOINT, 1, 4),
                new Fault(2, Phase.FORWARD, Harm.FLIP_CHECKPOINT, 0, 45),
                new Fault(3, Phase.CHECKPOINT, Harm.FILL_DISK, 0, 1));
        TrainedRun run = new TrainedRun(root.resolve("files"));
        try (LaunchedProgram training = start(run, faults, "--nodes", "2")) {
            String output = training.expectExit(0);
            assertTrue(output.contains("No space left on device"), output);
            assertTrue(output.contains("skipping a checkpoint that cannot be used: "), output);
            assertTrue(output.contains("model.safetensors") && output.contains("optimizer-0000"), output);
        }
        expectUndisturbed(run, faults);
    }

    /** What is left of the checkpoint does not matter; the one before is whole. */
    @Test
    void shouldSurviveHarmToWhatWritesACheckpointWhileTrainingGoesOn() throws Exception {
        List<Fault> faults = List.of(
                new Fault(0, Phase.CHECKPOINT, Harm.KILL, 1, 2),
                // The launcher has found it whole.
                new Fault(1, Phase.RESTORE, Harm.LOSE_OPTIMIZER, 0, 1),
                new Fault(2, Phase.CHECKPOINT, Harm.THROW, 0, 2),
                new Fault(3, Phase.CHECKPOINT, Harm.FILL_DISK, 0, 1));
        TrainedRun run = new TrainedRun(root.resolve("meanwhile"));
        try (LaunchedProgram training = start(run, faults, "--nodes", "2", "--checkpoint-async")) {
            String output = training.expectExit(0);
            assertTrue(output.contains("No space left on device"), output);
            assertTrue(output.lines().anyMatch(line -> line.matches("restart 2 .*code 80.*")), output);
        }
        expectUndisturbed(run, faults);
    }

    /** A shard that is damaged when ranks start again ends them, until it is whole. */
    @Test
    void shouldGoOnOnceADamagedShardIsRestored() throws Exception {
        List<Fault> faults = List.of(new Fault(0, Phase.REDUCE, Harm.FLIP_SHARDS, 1, 4));
        TrainedRun run = new TrainedRun(root.resolve("shards"));
        // Of its own, as other tests train beside this one.
        Path damaged = TinyData.write(root.resolve("damaged-data"), 1);
        try (LaunchedProgram training = start(run, damaged, faults, "--nodes", "2", "--max-restarts", "9")) {
            training.awaitOutput("restart 2 of 9: ");
            FaultAgent.flipShards(damaged);
            String output = training.expectExit(0);
            assertTrue(output.contains(".arrow") && output.contains("SHA-256"), output);
        }
        expectUndisturbed(run, faults);
    }

    @Test
    void shouldGoOnWithFewerNodesAndGiveUpInTheEnd() throws Exception {
        List<Fault> faults = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            faults.add(new Fault(i, Phase.LOADING, Harm.KILL, i < 2 ? 1 : 0, 1));
        }
        TrainedRun run = new TrainedRun(root.resolve("fewer"));
        String[] flags = {"--nodes", "2", "--min-nodes", "1", "--max-restarts", "1"};
        try (LaunchedProgram training = start(run, faults, flags)) {
            String output = training.expectExit(1);
            assertTrue(output.contains("restart 1 of 1: rank 1 was ended by SIGKILL (" + run.folder()), output);
            assertTrue(output.contains("going on with 1 of 2 ranks after 1 restart without a new checkpoint"), output);
            assertTrue(output.contains("gave up after 1 restart without a new checkpoint"), output);
        }
        try (LaunchedProgram training = start(run, faults.subList(0, 2), flags)) {
            assertTrue(training.expectExit(0).contains("2 ranks"), training.output());
        }
        expectUndisturbed(run, faults);
        String log = Files.readString(run.folder().resolve("logs/rank-00000.log"));
        assertEquals(
                5,
                log.lines().filter(line -> line.startsWith("=== rank 0 starts")).count(),
                log);
    }

    @Test
    void shouldSaveOnSigtermAndGoOnWithAnotherNumberOfNodes() throws Exception {
        TrainedRun run = new TrainedRun(root.resolve("stopped"));
        try (LaunchedProgram training = start(run, List.of(), "--nodes", "2")) {
            training.awaitOutput("step 8/18");
            training.terminate();
            String output = training.expectExit(143);
            assertTrue(output.contains("goes on") && !output.contains("restart 1"), output);
        }
        assertFalse(Files.exists(run.checkpoint(STEPS)));
        try (LaunchedProgram training = start(run, List.of(), "--nodes", "3")) {
            assertTrue(training.expectExit(0).contains("resuming from"), training.output());
        }
        expectUndisturbed(run, List.of());
    }

    @Test
    void shouldNameAKilledRankEndWithinFifteenSecondsAndGoOn() throws Exception {
        TrainedRun run = new TrainedRun(root.resolve("killed"));
        int killedAt = 8 + new Random(17).nextInt(6);
        try (LaunchedProgram training = start(run, List.of(), "--nodes", "2", "--max-restarts", "0")) {
            training.awaitOutput("step " + killedAt + "/18");
            List<ProcessHandle> ranks = training.ranks();
            training.kill(1);
            long start = System.nanoTime();
            String output = training.expectExit(1);
            assertTrue(System.nanoTime() - start < 15e9, "took too long to end");
            assertTrue(output.contains("rank 1") && output.contains("SIGKILL"), output);
            assertTrue(ranks.stream().noneMatch(ProcessHandle::isAlive), "a rank was left behind");
        }
        try (LaunchedProgram training = start(run, List.of(), "--nodes", "1")) {
            training.expectExit(0);
        }
        expectUndisturbed(run, List.of());
    }

    @Test
    void shouldNameADamagedCheckpointAndResumeFromTheOneBefore() throws Exception {
        TrainedRun run = new TrainedRun(root.resolve("damaged"));
        try (LaunchedProgram training = start(run, List.of(), "--nodes", "1")) {
            training.awaitOutput("step 13/18");
            training.terminate();
            training.expectExit(143);
        }
        Path newest =
                new CheckpointFolder(run.folder().resolve("checkpoints")).list().getFirst();
        Path weights = newest.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        bytes[bytes.length / 3] ^= 4;
        Files.write(weights, bytes);
        try (LaunchedProgram training = start(run, List.of(), "--nodes", "2")) {
            String output = training.expectExit(0);
            assertTrue(output.contains("skipping a checkpoint that cannot be used: " + weights), output);
            assertTrue(output.contains("resuming from"), output);
        }
        expectUndisturbed(run, List.of());
    }
}
