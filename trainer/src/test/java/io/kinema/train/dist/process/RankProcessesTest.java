package io.kinema.train.dist.process;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.dist.collective.LaunchMain;
import io.kinema.train.dist.collective.RankMain;
import io.kinema.train.dist.reduction.Leaves;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.transport.Transport;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RankProcessesTest {
    private static final int WORLD_SIZE = 3;
    private static final Duration STOP_LIMIT = Duration.ofSeconds(20);

    @TempDir
    Path run;

    private final ByteArrayOutputStream screen = new ByteArrayOutputStream();

    private LaunchMain launch(Transport transport, String task) throws IOException {
        return new LaunchMain(WORLD_SIZE, transport, task, run, new PrintStream(screen, true, StandardCharsets.UTF_8));
    }

    private static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < endNanos, "not within 20 s: " + what);
            Thread.sleep(20);
        }
    }

    private String log(int rank) {
        try {
            Path log = run.resolve("logs/rank-%05d.log".formatted(rank));
            return Files.exists(log) ? Files.readString(log) : "";
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void assertNothingLeft(LaunchMain launch) {
        assertFalse(Files.exists(launch.driverDirectory()));
        for (long pid : launch.ranks().pids()) {
            assertFalse(ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false), "process " + pid);
        }
    }

    @Test
    void shouldGiveEveryProcessTheTreesSum() throws Exception {
        float[] expected = Leaves.treeSum(0, 0, RankMain.NUM_LEAVES, RankMain.LENGTH);
        byte[] bytes = MemorySegment.ofArray(expected).toArray(ValueLayout.JAVA_BYTE);
        LaunchMain launch = launch(Transport.AUTO, "sum");
        try (launch) {
            assertInstanceOf(RunOutcome.Finished.class, launch.ranks().await(STOP_LIMIT));
        }
        for (int r = 0; r < WORLD_SIZE; r++) {
            assertArrayEquals(bytes, Files.readAllBytes(run.resolve("sum-" + r)));
        }
        assertNothingLeft(launch);
    }

    @Test
    void shouldNameTheKilledRankAndStopTheOthers() throws Exception {
        LaunchMain launch = launch(Transport.IPC, "train");
        try (launch) {
            await("a step", () -> log(1).contains("step 2 done"));
            long killedNanos = System.nanoTime();
            ProcessHandle.of(launch.ranks().pids().get(1)).orElseThrow().destroyForcibly();
            RunOutcome.Failed failed =
                    assertInstanceOf(RunOutcome.Failed.class, launch.ranks().await(STOP_LIMIT));
            assertTrue(System.nanoTime() - killedNanos < TimeUnit.SECONDS.toNanos(15));
            assertEquals(1, failed.rank());
            assertEquals(137, failed.exitCode());
            assertTrue(failed.message().contains("rank 1 was ended by SIGKILL"), failed.message());
            assertTrue(failed.lastLines().getLast().matches("step \\d+ done.*"), failed.message());
        }
        assertTrue(log(0).contains("rank 0 lost rank 1 in "), log(0));
        assertTrue(log(2).contains("rank 2 lost rank 1 in "), log(2));
        assertTrue(screen.toString(StandardCharsets.UTF_8).contains("rank 0 lost rank 1 in "));
        assertNothingLeft(launch);
    }

    @Test
    void shouldNameTheRankThatThrewAndItsLastWords() throws Exception {
        LaunchMain launch = launch(Transport.IPC, "throw");
        try (launch) {
            RunOutcome.Failed failed =
                    assertInstanceOf(RunOutcome.Failed.class, launch.ranks().await(STOP_LIMIT));
            assertEquals(1, failed.rank());
            assertEquals(1, failed.exitCode());
            assertTrue(failed.message().contains("rank 1's gradient is not finite"), failed.message());
        }
        assertNothingLeft(launch);
    }

    /** Starts a launcher in a process of its own, waits for its ranks' first steps, and returns what it said. */
    private Process startLauncher(List<Long> pids, List<Path> driver) throws Exception {
        RankCommand command =
                LaunchMain.java("LaunchMain", Integer.toString(WORLD_SIZE), "ipc", "train", run.toString());
        Path output = run.resolve("launcher.log");
        ProcessBuilder builder =
                new ProcessBuilder(command.command()).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().putAll(command.environment());
        Process launcher = builder.start();
        await("steps of every rank", () -> log(0).contains("step 2 done") && log(2).contains("step 2 done"));
        for (String line : Files.readAllLines(output)) {
            if (line.startsWith("driver ")) {
                driver.add(Path.of(line.substring("driver ".length())));
            } else if (line.startsWith("ranks ")) {
                for (String pid :
                        line.substring("ranks [".length(), line.length() - 1).split(", ")) {
                    pids.add(Long.parseLong(pid));
                }
            }
        }
        assertEquals(WORLD_SIZE, pids.size());
        return launcher;
    }

    private static void awaitNothingLeft(List<Long> pids, List<Path> driver) throws InterruptedException {
        for (long pid : pids) {
            await("end of process " + pid, () -> ProcessHandle.of(pid).isEmpty());
        }
        await("end of " + driver, () -> !Files.exists(driver.getFirst()));
    }

    @Test
    void shouldLeaveNothingBehindWhenTheLauncherIsKilled() throws Exception {
        List<Long> pids = new ArrayList<>();
        List<Path> driver = new ArrayList<>();
        Process launcher = startLauncher(pids, driver);
        launcher.destroyForcibly().waitFor();
        awaitNothingLeft(pids, driver);
    }

    @Test
    void shouldPassSigtermOnAndWaitForTheRanks() throws Exception {
        List<Long> pids = new ArrayList<>();
        List<Path> driver = new ArrayList<>();
        Process launcher = startLauncher(pids, driver);
        launcher.destroy();
        assertTrue(launcher.waitFor(15, TimeUnit.SECONDS));
        String said = Files.readString(run.resolve("launcher.log"));
        assertTrue(said.contains("stopped by SIGTERM"), said);
        assertEquals(143, launcher.exitValue());
        for (int r = 0; r < WORLD_SIZE; r++) {
            assertTrue(Files.readString(run.resolve("stopped-" + r)).startsWith("at step "));
        }
        awaitNothingLeft(pids, driver);
    }

    @Test
    void shouldLeaveNoProcessWhenOneCannotBeStarted() {
        List<RankCommand> commands = List.of(
                new RankCommand(List.of("sleep", "1000"), Map.of()),
                new RankCommand(List.of("/no/such/program"), Map.of()));
        IOException e = assertThrows(
                IOException.class,
                () -> RankProcesses.start(commands, Secret.NONE, run.resolve("logs"), new PrintStream(screen)));
        assertTrue(e.getMessage().contains("/no/such/program"), e.getMessage());
        assertEquals(
                0,
                ProcessHandle.current()
                        .children()
                        .filter(child -> child.info().command().orElse("").endsWith("sleep"))
                        .count());
    }

    @Test
    void shouldKillRanksThatIgnoreSigterm() throws Exception {
        List<RankCommand> commands = List.of(
                new RankCommand(
                        List.of("sh", "-c", "trap '' TERM; echo deaf; while true; do sleep 0.1; done"), Map.of()),
                new RankCommand(List.of("sh", "-c", "echo $WORDS; exit 3"), Map.of("WORDS", "no card found")));
        long startNanos = System.nanoTime();
        try (RankProcesses ranks =
                RankProcesses.start(commands, Secret.NONE, run.resolve("logs"), new PrintStream(screen))) {
            RunOutcome outcome = ranks.await(STOP_LIMIT);
            assertTrue(System.nanoTime() - startNanos < TimeUnit.SECONDS.toNanos(15));
            assertEquals(3, outcome.exitCode());
            assertTrue(outcome.message().startsWith("rank 1 exited with code 3"), outcome.message());
            assertTrue(outcome.message().endsWith("\n  no card found"), outcome.message());
        }
        assertEquals("deaf\n", screen.toString(StandardCharsets.UTF_8));
    }

    @Test
    void shouldTellEveryRankTheSecretOnItsStandardInput() throws Exception {
        Secret secret = Secret.random();
        List<RankCommand> commands = List.of(new RankCommand(List.of("cat"), Map.of()));
        for (Secret told : List.of(Secret.NONE, secret)) {
            try (RankProcesses ranks =
                    RankProcesses.start(commands, told, run.resolve("logs"), new PrintStream(screen))) {
                assertEquals(0, ranks.await(STOP_LIMIT).exitCode());
            }
        }
        assertEquals(secret.toHex() + "\n", screen.toString(StandardCharsets.UTF_8));
    }

    private RunOutcome outcomeOf(String... scripts) throws Exception {
        List<RankCommand> commands = new ArrayList<>();
        for (String script : scripts) {
            commands.add(new RankCommand(List.of("bash", "-c", script), Map.of()));
        }
        try (RankProcesses ranks =
                RankProcesses.start(commands, Secret.NONE, run.resolve("logs"), new PrintStream(screen))) {
            return ranks.await(STOP_LIMIT);
        }
    }

    @Test
    void shouldBlameTheRankThatHangsAndAskItForItsStacks() throws Exception {
        String deaf = "trap 'echo all my threads; echo JNI global refs: 3' QUIT; trap '' TERM; while true; do sleep"
                + " 0.1; done";
        RunOutcome.Hung hung = assertInstanceOf(
                RunOutcome.Hung.class,
                outcomeOf(
                        deaf,
                        "echo 'error: rank 1 waited 2 s in barrier of step 3 for rank 0'; exit 77",
                        "echo 'error: rank 2 lost rank 1'; exit 75",
                        "kill -STOP $$"));
        assertEquals(List.of(0, 3), hung.absent());
        assertEquals("ranks 0, 3 did not come: rank 1 waited 2 s in barrier of step 3 for rank 0", hung.message());
        assertTrue(hung.report().contains("\n  rank 2 lost rank 1\n"), hung.report());
        assertTrue(hung.report().contains("all my threads"), hung.report());
        assertTrue(hung.report().matches("(?s).*rank 3, process \\d+ \\(state T\\) is stopped.*"), hung.report());
        assertFalse(screen.toString(StandardCharsets.UTF_8).contains("threads"), "stacks are not for the screen");
    }

    @Test
    void shouldBlameNoRankWhenAllHaveWaited() throws Exception {
        String waited = "echo 'error: waited for others'; exit 77";
        RunOutcome.Hung hung = assertInstanceOf(RunOutcome.Hung.class, outcomeOf(waited, waited));
        assertEquals(List.of(), hung.absent());
        assertEquals("no rank is missing, but waited for others", hung.message());
        assertTrue(hung.report().contains("did not arrive: none\n"), hung.report());
    }

    @Test
    void shouldBlameARankThatFailedAndNotThoseThatWaitedForIt() throws Exception {
        RunOutcome.Failed failed = assertInstanceOf(
                RunOutcome.Failed.class,
                outcomeOf("exit 77", "sleep 0.3; echo 'error: no card found'; echo at a.java; exit 1"));
        assertEquals(1, failed.rank());
        assertEquals(
                "rank 1 exited with code 1: no card found (" + run.resolve("logs/rank-00001.log") + ")",
                failed.brief());
    }

    @Test
    void shouldKeepTheLogsOfEarlierStarts() throws Exception {
        outcomeOf("echo first");
        outcomeOf("echo second");
        assertTrue(log(0).matches("=== rank 0 starts at \\S+\nfirst\n=== rank 0 starts at \\S+\nsecond\n"), log(0));
        assertEquals("first\nsecond\n", screen.toString(StandardCharsets.UTF_8));
    }
}
