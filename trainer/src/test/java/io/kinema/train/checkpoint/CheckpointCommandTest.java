package io.kinema.train.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.CommandLine;
import io.kinema.train.model.ParameterLayout;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code launch/checkpoint.sh}: what it prints, and its exit codes. */
class CheckpointCommandTest {
    @TempDir
    private Path root;

    private Path run;
    private CheckpointFolder folder;

    @BeforeEach
    void open() {
        run = root.resolve("run");
        folder = new CheckpointFolder(run.resolve("checkpoints"));
    }

    private static String expect(int exitCode, Object... args) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (PrintStream all = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
            System.setOut(all);
            System.setErr(all);
            String[] texts = Arrays.stream(args).map(Object::toString).toArray(String[]::new);
            int found = CommandLine.run(() -> CheckpointCommand.run(texts));
            String output = bytes.toString(StandardCharsets.UTF_8);
            assertEquals(exitCode, found, output);
            return output;
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    private static void expectMistake(String expected, Object... args) {
        String output = expect(2, args);
        assertTrue(output.startsWith("error: ") && output.contains(expected), output);
        assertEquals(1, output.lines().count(), output);
    }

    @Test
    void shouldListTheCheckpointsOfARun() throws IOException {
        TinyCheckpoints.write(folder, 3, 1);
        TinyCheckpoints.write(folder, 2, 4);
        Files.write(TinyCheckpoints.write(folder, 1, 1).resolve("ema.safetensors"), new byte[4]);
        Files.createDirectory(folder.path().resolve("step-00000009"));
        folder.writer(4).begin();
        String output = expect(0, "list", run);
        assertEquals(output, expect(0, "list", folder.path()));
        List<String> lines = output.lines().map(String::strip).toList();
        assertTrue(lines.get(1).matches("9 +incomplete: manifest.json is missing"), output);
        assertTrue(
                lines.get(2).matches("3  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d +\\d\\.\\d +1  complete"), output);
        assertTrue(lines.get(3).matches("2 .* 4  complete"), output);
        assertTrue(lines.get(4).matches("1 .*incomplete: ema.safetensors has 4 bytes, .*, LATEST"), output);
        assertTrue(lines.get(5).contains(".step-00000004.tmp"), output);
        assertEquals(6, lines.size(), output);
    }

    @Test
    void shouldListNothingAndALatestThatIsLost() throws IOException {
        Files.createDirectories(folder.path());
        assertTrue(expect(0, "list", run).contains("no checkpoints in " + folder.path()));
        Files.writeString(folder.path().resolve("LATEST"), "step-00000004\n");
        assertTrue(expect(0, "list", run).contains("names 'step-00000004', which is not there"));
    }

    @Test
    void shouldNameEveryDamagedFile() throws IOException {
        Path one = TinyCheckpoints.write(folder, 1, 1);
        Path two = TinyCheckpoints.write(folder, 2, 2);
        assertTrue(expect(0, "verify", run).contains("0 of 2"));
        Path flipped = two.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(flipped);
        bytes[bytes.length - 9] ^= 0x20;
        Files.write(flipped, bytes);
        Files.write(two.resolve("ema.safetensors"), new byte[5]);
        Files.delete(two.resolve("optimizer-00001-of-00002.safetensors"));
        String output = expect(1, "verify", two);
        assertTrue(output.contains(two + " is damaged:"), output);
        assertTrue(output.contains("  model.safetensors has SHA-256 "), output);
        assertTrue(output.contains("  ema.safetensors has 5 bytes, "), output);
        assertTrue(output.contains("  optimizer-00001-of-00002.safetensors is missing"), output);
        assertEquals(4, output.lines().count(), output);
        assertTrue(expect(1, "verify", run).contains("1 of 2"));
        assertTrue(expect(0, "verify", one).contains("is whole"));
        Files.writeString(two.resolve("manifest.json"), "{");
        assertTrue(expect(1, "verify", two).contains("manifest.json is damaged at byte"));
        Files.delete(two.resolve("manifest.json"));
        assertTrue(expect(1, "verify", two).contains("manifest.json is missing"));
        Files.move(two, root.resolve("elsewhere"));
        assertTrue(expect(1, "verify", run).contains("which is not there"));
    }

    @Test
    void shouldMissTheFilesOfRanksThatTheManifestForgot() throws IOException {
        Path checkpoint = TinyCheckpoints.write(folder, 1, 2);
        WholeCheckpoint.removeWithItsDigest(checkpoint, "optimizer-00001-of-00002.safetensors");
        String output = expect(1, "verify", checkpoint);
        assertTrue(output.contains("optimizer-00001-of-00002.safetensors is missing, and is not in manifest"), output);
        assertTrue(expect(0, "list", run).contains("incomplete: optimizer-00001-of-00002.safetensors is missing"));
    }

    @Test
    void shouldFindCheckpointsEqualThatOtherNumbersOfRanksWrote() throws IOException {
        Path one = TinyCheckpoints.write(folder, 1, 1);
        Path three = TinyCheckpoints.write(new CheckpointFolder(root.resolve("other")), 1, 3);
        String output = expect(0, "diff", one, three);
        int numTensors = TinyCheckpoints.LAYOUT.entries().size();
        assertEquals(
                4 * numTensors,
                output.lines().filter(line -> line.endsWith(": equal")).count(),
                output);
        assertTrue(output.contains("step           1 in both"), output);
        assertTrue(output.contains("optimizer      " + 2 * numTensors + " tensors, all equal bit for bit"), output);
        assertFalse(output.contains(" and "), output);
    }

    @Test
    void shouldSayByHowMuchTensorsDiffer() throws IOException {
        Path before = TinyCheckpoints.write(folder, 1, 1);
        ParameterLayout.Entry last = TinyCheckpoints.LAYOUT.entries().getLast();
        ParameterLayout.Entry first = TinyCheckpoints.LAYOUT.entries().getFirst();
        Path after = TinyCheckpoints.write(folder, 2, 2, weights -> {
            float value = weights.getAtIndex(ValueLayout.JAVA_FLOAT, last.offset());
            weights.setAtIndex(ValueLayout.JAVA_FLOAT, last.offset(), 2 * value);
            weights.setAtIndex(ValueLayout.JAVA_FLOAT, first.offset(), Float.NaN);
            weights.setAtIndex(ValueLayout.JAVA_FLOAT, first.offset() + 3, 0);
        });
        float doubled = (float) (TinyCheckpoints.WEIGHTS * (last.offset() + 1));
        String output = expect(1, "diff", before, after);
        assertTrue(output.contains("step           1 and 2"), output);
        assertTrue(
                output.contains(String.format(
                        "model %s: 1 of %d elements differ, by %.3g at most, relative 0.500",
                        last.name(), last.size(), doubled)),
                output);
        assertTrue(
                output.contains(String.format(
                        "model %s: 2 of %d elements differ, by Infinity at most", first.name(), first.size())),
                output);
        assertTrue(output.contains("tensors, 2 differ"), output);
        assertTrue(output.matches("(?s).*ema +\\d+ tensors, all equal bit for bit.*"), output);
        assertTrue(output.contains("ema " + first.name() + ": equal"), output);
    }

    @Test
    void shouldNotCompareWhatIsDamaged() throws IOException {
        Path good = TinyCheckpoints.write(folder, 1, 1);
        Path bad = TinyCheckpoints.write(folder, 2, 1);
        Files.write(bad.resolve("ema.safetensors"), new byte[4]);
        assertTrue(expect(1, "diff", good, bad).contains("ema.safetensors has 4 bytes"));
    }

    @Test
    void shouldExportOnceUnlessForced() throws IOException {
        Path checkpoint = TinyCheckpoints.write(folder, 1, 1);
        Path file = root.resolve("out.safetensors");
        assertTrue(expect(0, "export", checkpoint, "--output", file).contains("ema of step 1 in fp32"));
        byte[] average = Files.readAllBytes(file);
        expectMistake("give --force", "export", checkpoint, "--output", file, "--weights", "model");
        assertArrayEquals(average, Files.readAllBytes(file));
        expect(0, "export", checkpoint, "--output", file, "--weights", "model", "--precision", "bf16", "--force");
        assertTrue(Files.size(file) < average.length);
        try (Stream<Path> names = Files.list(root)) {
            assertEquals(2, names.count());
        }
    }

    @Test
    void shouldSayWhatIsWrongInOneLine() throws IOException {
        Path checkpoint = TinyCheckpoints.write(folder, 1, 1);
        Path file = root.resolve("out.safetensors");
        expectMistake("no command given; use list, verify, diff or export, see launch/checkpoint.sh --help");
        expectMistake("unknown command 'lst'; use list, verify, diff or export, see", "lst");
        expectMistake("takes one folder, not 0", "list");
        expectMistake("takes 2 folders, not 1", "diff", checkpoint);
        expectMistake("does not exist", "list", root.resolve("nowhere"));
        expectMistake("does not exist", "verify", folder.path().resolve("step-00000002"));
        expectMistake("does not exist", "diff", checkpoint, folder.path().resolve("step-00000002"));
        expectMistake("is a checkpoint itself", "list", checkpoint);
        expectMistake("no checkpoints in", "verify", root);
        expectMistake("no manifest.json", "export", root, "--output", file);
        expectMistake("--output is missing", "export", checkpoint);
        expectMistake("does not end in .safetensors", "export", checkpoint, "--output", root.resolve("out.bin"));
        expectMistake("inside a checkpoint", "export", checkpoint, "--output", checkpoint.resolve("x.safetensors"));
        expectMistake(
                "not a folder that can be written", "export", checkpoint, "--output", root.resolve("no/x.safetensors"));
        expectMistake("use fp32 or bf16", "export", checkpoint, "--output", file, "--precision", "fp16");
        expectMistake("use ema or model", "export", checkpoint, "--output", file, "--weights", "best");
        expectMistake("did you mean --weights", "export", checkpoint, "--output", file, "--weigths", "ema");
        assertTrue(Files.notExists(file));
    }

    @Test
    void shouldTakeARunForItsNewestCheckpointThatIsComplete() throws IOException {
        Path older = TinyCheckpoints.write(folder, 1, 1);
        Path newest = TinyCheckpoints.write(folder, 2, 1);
        Path file = root.resolve("newest.safetensors");
        assertTrue(expect(0, "export", run, "--output", file).contains("ema of step 2 "));
        assertTrue(expect(0, "diff", run, newest).contains("using " + newest + ", the newest checkpoint of " + run));
        Files.delete(newest.resolve("ema.safetensors"));
        assertTrue(expect(2, "export", run, "--output", file).contains("or give --force"));
        assertTrue(
                expect(0, "export", folder.path(), "--output", file, "--force").contains("ema of step 1 "));
        assertTrue(expect(0, "diff", older, run).contains("1 in both"));
    }

    @Test
    void shouldExplainEveryCommand() {
        assertTrue(expect(0, "--help").contains("export CHECKPOINT --output"));
        for (String command : List.of("list", "verify", "diff", "export")) {
            assertTrue(expect(0, command, "--help").contains("usage: launch/checkpoint.sh " + command), command);
        }
    }
}
