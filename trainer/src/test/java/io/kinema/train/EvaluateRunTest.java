package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import io.kinema.data.order.Philox;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.Dataset;
import io.kinema.data.shard.Sha256;
import io.kinema.train.evaluate.Evaluate;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.Grid;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code launch/evaluate.sh}. */
class EvaluateRunTest {
    private static final Patch PATCH = new Patch(2, 4, 4);

    @TempDir
    private static Path root;

    private static Path checkpoint;
    private static Path data;

    @BeforeAll
    static void writeCheckpointAndData() throws IOException {
        checkpoint = TinyCheckpoint.write(root.resolve("checkpoints"));
        data = TinyData.write(root.resolve("data"), 1);
    }

    private static String[] args(String... more) {
        List<String> args = new ArrayList<>(List.of("--checkpoint", checkpoint.toString(), "--data", data.toString()));
        args.addAll(Arrays.asList(more));
        return args.toArray(String[]::new);
    }

    private static List<String> evaluated(String name, String... more) throws IOException {
        Path file = root.resolve(name);
        List<String> args = new ArrayList<>(List.of("--times", "4", "--output", file.toString()));
        args.addAll(Arrays.asList(more));
        Evaluate.run(args(args.toArray(String[]::new)));
        return Files.readAllLines(file);
    }

    private static double loss(String line) {
        return Double.parseDouble(line.substring(line.lastIndexOf(',') + 1));
    }

    @Test
    void shouldMeasureTheWholeTargetOfAModelThatPredictsNothing() throws IOException {
        List<String> lines = evaluated("zero.csv", "--weights", "model", "--seed", "5");
        assertEquals("clip,source,frames,height,width,values,time,seed,loss", lines.getFirst());
        try (Dataset clips = Dataset.open(data.toString())) {
            assertEquals(1 + 4 * clips.clips().size(), lines.size());
            for (int i = 0; i < clips.clips().size(); i++) {
                Clip clip = clips.read(clips.clips().get(i));
                for (int k = 0; k < 4; k++) {
                    String line = lines.get(1 + 4 * i + k);
                    assertTrue(line.contains(clip.id()), line);
                    assertEquals(squaredVelocity(clip, k), loss(line), 1e-5 * loss(line), line);
                }
            }
        }
    }

    /** The mean of (noise - clip)², which is what a flow of no velocity is off by. */
    private static double squaredVelocity(Clip clip, int k) {
        ClipTokens tokens = ClipTokens.ofPixels(PATCH);
        Grid grid = tokens.grid(clip);
        float[] clean = new float[grid.tokens() * tokens.values()];
        tokens.fromClip(clip.framesTHWC(), clip.numFrames(), grid, clean, 0);
        float[] noise = new float[clean.length];
        String digest = Sha256.of(clip.id().getBytes(StandardCharsets.UTF_8));
        long key = Long.parseLong(digest.substring(0, 8), 16);
        new Philox(5).normals(Philox.Purpose.NOISE, k, key, noise, 0, noise.length);
        double sum = 0;
        for (int i = 0; i < clean.length; i++) {
            sum += (noise[i] - clean[i]) * (double) (noise[i] - clean[i]);
        }
        return sum / clean.length;
    }

    @Test
    void shouldGiveAClipTheSameLossWhateverElseIsEvaluated() throws IOException {
        List<String> all = evaluated("all.csv");
        assertEquals(all.subList(0, 13), evaluated("few.csv", "--clips", "3"));
        List<String> apart = evaluated("apart.csv", "--tokens", "1", "--threads", "1");
        for (int i = 1; i < all.size(); i++) {
            assertEquals(loss(all.get(i)), loss(apart.get(i)), 1e-5 * loss(all.get(i)), all.get(i));
        }
        assertFalse(all.equals(evaluated("seed.csv", "--seed", "2")));
    }

    @Test
    void shouldTellTheModelTheCaptionThatTheMixChooses() throws IOException {
        List<String> told = evaluated("told.csv", "--caption-mix", "original:1");
        List<String> untold = evaluated("untold.csv", "--caption-dropout", "1");
        assertEquals(evaluated("first.csv"), told);
        for (int i = 1; i < told.size(); i++) {
            // Only one of these clips has no caption.
            assertEquals(told.get(i).contains("clip-5."), told.get(i).equals(untold.get(i)), told.get(i));
        }
        assertEquals(untold, evaluated("short.csv", "--caption-mix", "short:1"));
    }

    @Test
    void shouldFindNoDifferenceToItself() throws Exception {
        evaluated("self.csv");
        String said;
        String[] args =
                args("--times", "4", "--baseline", root.resolve("self.csv").toString());
        try (LaunchedProgram program = LaunchedProgram.start(Evaluate.class, root.resolve("work"), args)) {
            said = program.expectExit(0);
        }
        assertTrue(
                said.contains("minus the baseline's 0.000000 (95 % interval 0.000000 to 0.000000): no difference"),
                said);
        assertTrue(said.contains("held-out loss "), said);
        assertTrue(said.contains("clips of (frames x rows x columns) 1x4x12: "), said);
        assertTrue(said.contains("at time "), said);
    }

    @Test
    void shouldNotCallTheTrainingSetHeldOut() throws Exception {
        String sha256;
        try (Dataset dataset = Dataset.open(data.toString())) {
            sha256 = dataset.sha256();
        }
        Path trained = TinyCheckpoint.write(root.resolve("trained"), sha256);
        String[] args = args("--times", "1", "--clips", "2", "--checkpoint", trained.toString());
        String said;
        try (LaunchedProgram program = LaunchedProgram.start(Evaluate.class, root.resolve("work"), args)) {
            said = program.expectExit(0);
        }
        assertTrue(said.contains("is the data set that the checkpoint was trained on"), said);
        assertTrue(said.contains("\nloss on the training set ") && !said.contains("held-out loss"), said);
    }

    @Test
    void shouldSayInOneLineWhatIsWrong() throws IOException {
        expectMistake("no manifest.json", "--checkpoint", root.toString());
        expectMistake("prepare", "--data", root.resolve("nothing").toString());
        expectMistake("--times 0", "--times", "0");
        expectMistake("--times 1001", "--times", "1001");
        expectMistake("--clips -1", "--clips", "-1");
        expectMistake("--caption-mix", "--caption-mix", "long:1");
        expectMistake("--caption-dropout", "--caption-dropout", "2");
        expectMistake(
                "is not a folder that can be written",
                "--output",
                root.resolve("no/x.csv").toString());
        expectMistake("is not a file", "--baseline", root.resolve("none.csv").toString());
        expectMistake("did you mean --baseline", "--basline", "x");
        evaluated("three.csv", "--clips", "3");
        // Before the device is opened: there is none of that name.
        expectMistake(
                "--baseline has losses of --seed 1",
                "--clips",
                "3",
                "--times",
                "4",
                "--seed",
                "2",
                "--device",
                "none",
                "--baseline",
                root.resolve("three.csv").toString());
        expectMistake(
                "same --data",
                "--times",
                "4",
                "--baseline",
                root.resolve("three.csv").toString());
    }

    private static void expectMistake(String expected, String... args) {
        ConfigException mistake = assertThrows(ConfigException.class, () -> Evaluate.run(args(args)));
        assertTrue(mistake.getMessage().contains(expected), mistake.getMessage());
        assertFalse(mistake.getMessage().contains("\n"), mistake.getMessage());
    }
}
