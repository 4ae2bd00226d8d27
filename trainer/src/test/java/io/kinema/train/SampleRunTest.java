package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.video.Ffmpeg;
import io.kinema.data.video.SourceProbe;
import io.kinema.train.checkpoint.CheckpointCommand;
import io.kinema.train.sample.Sample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** {@code launch/sample.sh}: one video as a process, all others in a JVM that they share. */
@Execution(ExecutionMode.CONCURRENT)
class SampleRunTest {
    @TempDir
    private static Path root;

    private static Path checkpoint;
    private static SharedJvm jvm;

    @BeforeAll
    static void writeCheckpoint() throws IOException {
        checkpoint = TinyCheckpoint.write(root.resolve("checkpoints"));
        jvm = SharedJvm.start(root.resolve("work"));
    }

    @AfterAll
    static void endJvm() throws IOException {
        jvm.close();
    }

    private static String[] args(String output, String... more) {
        List<String> args = new ArrayList<>(List.of(
                "--checkpoint",
                checkpoint.toString(),
                "--output",
                root.resolve(output).toString(),
                "--steps",
                "2"));
        args.addAll(Arrays.asList(more));
        return args.toArray(String[]::new);
    }

    private static String run(int exitCode, String output, String... more) throws Exception {
        return jvm.run(Sample.class, args(output, more)).expectExit(exitCode);
    }

    private static SourceProbe probe(String file) throws IOException {
        return Ffmpeg.locate("", 60).probe(root.resolve(file));
    }

    @Test
    void shouldRoundSizesToThePatchAndSaySo() throws Exception {
        String output = run(0, "a.mp4", "--prompt", "a star", "--width", "18", "--height", "16", "--frames", "5");
        assertTrue(output.contains("--width 18 is not a multiple of the patch's 4; using 20"), output);
        assertTrue(output.contains("--frames 5 is not a multiple of the patch's 2; using 6"), output);
        assertFalse(output.contains("--height 16 is"), output);
        assertEquals(20, probe("a.mp4").displayWidth());
        assertEquals(16, probe("a.mp4").displayHeight());
    }

    /** Noise of this size is more than the H.264 encoder takes at its usual rate. */
    @Test
    void shouldWriteSmallNoisyVideosAndSayThatALongPromptIsCut() throws Exception {
        String[] args = {"--width", "64", "--height", "48", "--frames", "16", "--fps", "8", "--steps", "1"};
        String output;
        try (LaunchedProgram program = LaunchedProgram.start(
                Sample.class, root.resolve("work"), args("noisy.mp4", append(args, "--prompt", "x".repeat(300))))) {
            output = program.expectExit(0);
        }
        assertEquals(64, probe("noisy.mp4").displayWidth());
        assertTrue(output.contains("warning: prompts: 1 of the 1 that were given are cut to 256 bytes"), output);
        assertFalse(output.contains("\r") || output.contains("\u001b"), output);
    }

    @Test
    void shouldGiveTheSameBytesForTheSameSeed() throws Exception {
        run(0, "one.gif", "--prompt", "a star", "--seed", "4");
        run(0, "two.gif", "--prompt", "a star", "--seed", "4");
        run(0, "three.gif", "--prompt", "a star", "--seed", "5");
        byte[] one = Files.readAllBytes(root.resolve("one.gif"));
        assertArrayEquals(one, Files.readAllBytes(root.resolve("two.gif")));
        assertFalse(Arrays.equals(one, Files.readAllBytes(root.resolve("three.gif"))));
    }

    @Test
    void shouldSampleFromAnExportedFile() throws Exception {
        String[] args = {"--prompt", "a star", "--device", "cpu", "--precision", "fp32"};
        run(0, "folder.gif", args);
        byte[] expected = Files.readAllBytes(root.resolve("folder.gif"));
        Path exact = export("exact.safetensors");
        run(0, "exact.gif", append(args, "--checkpoint", exact.toString()));
        assertArrayEquals(expected, Files.readAllBytes(root.resolve("exact.gif")));
        Path rounded = export("rounded.safetensors", "--precision", "bf16");
        run(0, "rounded.gif", append(args, "--checkpoint", rounded.toString()));
        run(0, "model.gif", append(args, "--weights", "model"));
        assertFalse(Arrays.equals(expected, Files.readAllBytes(root.resolve("model.gif"))), "weights do not count");
    }

    private static Path export(String name, String... more) throws Exception {
        Path file = root.resolve(name);
        String[] args = {"export", checkpoint.toString(), "--output", file.toString()};
        jvm.run(CheckpointCommand.class, append(args, more)).expectExit(0);
        return file;
    }

    @Test
    void shouldTakeARunForItsNewestCheckpointAndReplaceAFileByForceOnly() throws Exception {
        Files.writeString(root.resolve("kept.gif"), "mine");
        String[] args = {"--prompt", "a star", "--checkpoint", root.toString()};
        String refused = run(2, "kept.gif", args);
        assertTrue(refused.contains("kept.gif is there already; choose another name, or give --force"), refused);
        assertEquals("mine", Files.readString(root.resolve("kept.gif")));
        String output = run(0, "kept.gif", append(args, "--force"));
        assertTrue(output.contains("the newest checkpoint of " + root), output);
        assertEquals(40, probe("kept.gif").displayWidth());
    }

    @Test
    void shouldPutSeveralPromptsIntoAGrid() throws Exception {
        Path prompts = Files.writeString(root.resolve("prompts.txt"), "a star\n\na circle\na square\n");
        String[] args = {"--prompts", prompts.toString(), "--width", "8", "--height", "4", "--frames", "1"};
        run(0, "grid.png", append(args, "--device", "cpu", "--precision", "bf16", "--threads", "2"));
        assertEquals(16, probe("grid.png").displayWidth());
        assertEquals(8, probe("grid.png").displayHeight());
    }

    @Test
    void shouldWriteEachPromptsVideoIntoAFileOfItsOwn() throws Exception {
        Path prompts = Files.writeString(root.resolve("separate.txt"), "a star\n\na circle\n");
        String[] args = {"--prompts", prompts.toString(), "--separate", "gif", "--frames", "4"};
        run(0, "videos", args);
        assertEquals(
                "a circle",
                Files.readString(root.resolve("videos/prompt-00001.txt")).strip());
        run(0, "circle.gif", "--prompt", "a circle", "--frames", "4");
        assertArrayEquals(
                Files.readAllBytes(root.resolve("circle.gif")),
                Files.readAllBytes(root.resolve("videos/prompt-00001.gif")));
        String said = run(2, "videos", args);
        assertTrue(said.contains("is there already"), said);
    }

    private static String[] append(String[] args, String... more) {
        List<String> all = new ArrayList<>(List.of(args));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    @Test
    void shouldSayWhatIsWrongInOneLine() throws Exception {
        expectMistake("give one of them, not empty", "x.mp4", "--prompt", "");
        expectMistake("use --frames 1", "x.png", "--prompt", "a star", "--frames", "4");
        expectMistake("[.mp4, .webm, .gif, .png]", "x.avi", "--prompt", "a star");
        expectMistake("not a folder that can be written", "nowhere/x.mp4", "--prompt", "a star");
        expectMistake("--enlarge 256", "x.mp4", "--prompt", "a star", "--height", "8");
        expectMistake("--steps 0 is less than 1; give 1 or more", "x.mp4", "--prompt", "a star", "--steps", "0");
        expectMistake("error: --fps 0.0 is out of range", "x.mp4", "--prompt", "a star", "--fps", "0");
        expectMistake("error: --guidance NaN is out of range", "x.mp4", "--prompt", "a star", "--guidance", "NaN");
        expectMistake("use euler", "x.mp4", "--prompt", "a star", "--sampler", "ddim");
        Path empty = Files.createDirectories(root.resolve("empty"));
        expectMistake("no manifest.json", "x.mp4", "--prompt", "a star", "--checkpoint", empty.toString());
        expectMistake("use bf16 or fp32", "x.mp4", "--prompt", "a star", "--precision", "int8");
        expectMistake("did you mean --guidance", "x.mp4", "--prompt", "a star", "--guidence", "2");
    }

    private static void expectMistake(String expected, String output, String... args) throws Exception {
        String said = run(2, output, args);
        List<String> errors =
                said.lines().filter(line -> line.startsWith("error: ")).toList();
        assertEquals(1, errors.size(), said);
        assertTrue(errors.getFirst().contains(expected), said);
        assertFalse(Files.exists(root.resolve(output)), "a file was written");
    }
}
