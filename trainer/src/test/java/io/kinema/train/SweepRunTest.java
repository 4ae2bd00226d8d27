package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.train.evaluate.Evaluate;
import io.kinema.train.memory.Workload;
import io.kinema.train.model.DitConfig;
import io.kinema.train.sweep.SweepCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** {@code launch/sweep.sh run}, with real trainings in processes of their own. */
@Execution(ExecutionMode.CONCURRENT)
class SweepRunTest {
    @TempDir
    private static Path root;

    private static Path data;
    private static Path heldOut;
    private static Path repaired;

    @BeforeAll
    static void writeDataAndScripts() throws IOException {
        data = TinyData.write(root.resolve("data"), 1);
        heldOut = TinyData.write(root.resolve("held-out"), 2);
        repaired = root.resolve("repaired");
        // Trainings of a sweep of this name fail, or those of one of its models until they are repaired.
        script(
                "train.sh",
                Train.class,
                "case \"$*\" in *broken*) exit 3 ;; *faulty*2x24x2*) [ -e " + repaired + " ] || exit 3 ;; esac\n");
        script("evaluate.sh", Evaluate.class, "");
    }

    /** What the launch scripts do once Kinema is built. */
    private static void script(String name, Class<?> program, String before) throws IOException {
        List<String> command = LaunchedProgram.command(List.of(), program);
        Path file = Files.createDirectories(root.resolve("launch")).resolve(name);
        Files.writeString(file, "#!/bin/sh\n" + before + "exec '" + String.join("' '", command) + "' \"$@\"\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static LaunchedProgram sweep(String name, String... more) throws IOException {
        List<String> args = new ArrayList<>(List.of(
                "run",
                "--sweep",
                root.resolve(name).toString(),
                "--data",
                data.toString(),
                "--held-out",
                heldOut.toString(),
                "--models",
                "1x16x2,2x24x2",
                "--caption-model",
                "1x16x2",
                "--token-counts",
                "400",
                "--microbatches",
                "2",
                "--train",
                "--patch 2x4x4 --tokens 24 --warmup 2",
                "--evaluate",
                "--times 4 --weights model",
                "--slots",
                "2"));
        args.addAll(List.of(more));
        return LaunchedProgram.start(
                List.of(),
                Map.of("KINEMA_SCRIPTS", root.resolve("launch").toString()),
                SweepCommand.class,
                root.resolve("work"),
                args.toArray(String[]::new));
    }

    private static List<String> points(String name) throws IOException {
        return Files.readAllLines(root.resolve(name).resolve("points.csv"));
    }

    @Test
    void shouldEndWithTheSamePointsAfterATrainingFailedAndAfterItWasKilled() throws Exception {
        List<String> points = pointsAfterAFailure();
        assertEquals(3, points.size());
        assertEquals(
                "N,D,C,loss,lossHalfWidth,model,captionModel,steps,learningRate,microbatches,run", points.getFirst());
        long parameters =
                Workload.parameters(DitConfig.parse("1x16x2", "1x16x2").withPatch(new Patch(2, 4, 4)));
        assertTrue(
                points.get(1).startsWith(parameters + ".0,") || points.get(1).startsWith(parameters + ","),
                points.get(1));

        try (LaunchedProgram killed = sweep("killed", "--slots", "1")) {
            killed.awaitOutput("2x24x2-d400-lr0.001-v2 ");
            killed.kill();
        }
        try (LaunchedProgram again = sweep("killed")) {
            again.expectExit(0);
        }
        assertEquals(points, points("killed"));
        // A shorter list leaves what is finished.
        try (LaunchedProgram fewer = sweep("killed", "--models", "1x16x2")) {
            assertTrue(fewer.expectExit(0).contains("2 of 2 points"), fewer.output());
        }
        assertEquals(points, points("killed"));

        try (LaunchedProgram status = LaunchedProgram.start(
                SweepCommand.class,
                root.resolve("work"),
                "status",
                root.resolve("killed").toString())) {
            String said = status.expectExit(0);
            assertTrue(said.contains("2x24x2-d400-lr0.001-v2") && said.contains("100.0 %"), said);
        }
    }

    /** A point that fails is reported, and trained when the sweep is asked again. */
    private static List<String> pointsAfterAFailure() throws Exception {
        try (LaunchedProgram faulty = sweep("faulty")) {
            String said = faulty.expectExit(1);
            assertTrue(said.contains("1 of 2 points"), said);
            assertTrue(
                    said.contains(
                            "failed: 2x24x2-d400-lr0.001-v2: launch/train.sh ended with exit code 3 (2 attempts)"),
                    said);
        }
        assertEquals(2, points("faulty").size());
        Files.createFile(repaired);
        try (LaunchedProgram again = sweep("faulty")) {
            String said = again.expectExit(0);
            assertTrue(said.contains("2 of 2 points"), said);
        }
        // What was measured is not measured again: its log has one training.
        String log = Files.readString(root.resolve("faulty/logs/1x16x2-d400-lr0.001-v2.log"));
        assertTrue(log.contains("loss"), log);
        assertEquals(
                1, log.lines().filter(line -> line.startsWith("starting: ")).count(), log);
        return points("faulty");
    }

    @Test
    void shouldLeaveNothingRunningWhenItIsToldToStop() throws Exception {
        try (LaunchedProgram stopped = sweep("stopped", "--slots", "1", "--token-counts", "6000000")) {
            Path first = root.resolve("stopped/logs/2x24x2-d6e06-lr0.001-v2.log");
            while (!Files.exists(first) || stopped.descendants().isEmpty()) {
                Thread.sleep(20);
            }
            List<ProcessHandle> trainings = stopped.descendants();
            stopped.terminate();
            stopped.exitCode();
            for (ProcessHandle training : trainings) {
                training.onExit().get(60, TimeUnit.SECONDS);
            }
            String said = stopped.output();
            assertTrue(said.contains("stopped; launch/sweep.sh run @"), said);
            // The second point was not begun in the first one's place.
            assertFalse(Files.exists(root.resolve("stopped/logs/1x16x2-d6e06-lr0.001-v2.log")));
        }
    }

    @Test
    void shouldRefuseOtherSettingsInTheSameFolder() throws Exception {
        // Its trainings fail at once, which is no matter here.
        try (LaunchedProgram first = sweep("broken")) {
            first.expectExit(1);
        }
        try (LaunchedProgram other = sweep("broken", "--caption-model", "1x24x2")) {
            String said = other.expectExit(2);
            assertTrue(said.contains("--caption-model 1x16x2, not --caption-model 1x24x2"), said);
        }
    }
}
