package io.kinema.recaption.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Caption;
import io.kinema.data.shard.Clip;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.data.shard.Sha256;
import io.kinema.recaption.TinyData;
import io.kinema.recaption.captioner.training.TrainCommand;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A captioner that is trained on walls of three colours, and everything around it. */
class CaptionRunTest {
    private static final int[] COLOURS = {0xd02020, 0x20a030, 0x2040d0};
    private static final List<String> NAMES = List.of("red", "green", "blue");
    private static final int CLIPS = 60;
    private static final int TIMEOUT_SECONDS = 120;

    @TempDir
    private static Path folder;

    private static Path data;
    private static Path model;

    @BeforeAll
    static void train() throws IOException {
        data = folder.resolve("data");
        TinyData clips = new TinyData(2, 16, 24);
        for (int i = 0; i < CLIPS; i++) {
            String name = NAMES.get(i % 3);
            int shade = COLOURS[i % 3] + 0x010101 * (i % 16);
            clips.solid(
                    String.format("wall-%02d.mp4#0", i),
                    shade,
                    "a " + name + " wall",
                    name + " wall",
                    "the video shows a " + name + " wall, and nothing else.");
        }
        clips.write(data);
        model = folder.resolve("model");
        assertEquals(0, TrainCommand.run(trainFlags(model)));
    }

    private static String[] trainFlags(Path output) {
        String flags = "--data " + data + " --output " + output
                + " --epochs 20 --frames 2 --size 16 --width 2 --window 6 --validation 0.1 --round-steps 40 --learning-rate 3e-3";
        return flags.split(" ");
    }

    private static String[] runFlags(Path output, String... more) {
        List<String> flags = new ArrayList<>(
                List.of("--data", data.toString(), "--model", model.toString(), "--output", output.toString()));
        flags.addAll(List.of(more));
        return flags.toArray(String[]::new);
    }

    @Test
    void shouldSayWhatTheClipsShow() throws IOException {
        Path output = folder.resolve("captioned");
        assertEquals(0, CaptionRunCommand.run(runFlags(output)));
        try (Dataset captioned = Dataset.open(output.toString());
                Dataset original = Dataset.open(data.toString())) {
            for (ClipEntry entry : captioned.clips()) {
                Clip clip = captioned.read(entry);
                List<Caption> captions = clip.captions();
                assertEquals(original.read(entry).captions(), captions.subList(0, 3), "the original captions stay");
                String name = NAMES.get(Integer.parseInt(clip.id().substring(5, 7)) % 3);
                assertEquals(name + " wall", captions.get(3).text());
                assertEquals("short", captions.get(3).style());
                assertEquals(
                        "the video shows a " + name + " wall, and nothing else.",
                        captions.get(4).text());
                assertEquals("detailed", captions.get(4).style());
                assertEquals("dl4j", captions.get(4).origin());
                assertTrue(
                        captions.get(4).confidence() > 0.8,
                        "confidence " + captions.get(4).confidence());
            }
        }
        assertEquals(0, Files.size(output.resolve("quarantine.jsonl")));
        assertFalse(Files.exists(output.resolve("work")));
    }

    @Test
    void shouldDoNothingWhenAllIsDone() throws IOException {
        Path output = folder.resolve("twice");
        CaptionRunCommand.run(runFlags(output));
        Map<String, String> before = contents(output);
        assertEquals(0, CaptionRunCommand.run(runFlags(output)));
        assertEquals(before, contents(output));
        ConfigException other =
                assertThrows(ConfigException.class, () -> CaptionRunCommand.run(runFlags(output, "--beam", "2")));
        assertTrue(other.getMessage().contains("--overwrite"), other.getMessage());
        assertEquals(before, contents(output), "what was there is still there");
    }

    @Test
    void shouldNotDependOnHowManyWork() throws IOException {
        Path one = folder.resolve("one");
        Path two = folder.resolve("two");
        CaptionRunCommand.run(runFlags(one, "--master", "local[1]"));
        CaptionRunCommand.run(runFlags(two, "--master", "local[2]"));
        Map<String, String> ofOne = contents(one);
        Map<String, String> ofTwo = contents(two);
        ofOne.remove(CaptionRun.ARGS);
        ofTwo.remove(CaptionRun.ARGS);
        assertEquals(ofOne, ofTwo);
    }

    /** Real processes, the same command in two folders beside each other. */
    @Test
    void shouldGiveTheSameBytesAfterBeingKilledThreeTimes() throws Exception {
        Path calm = Files.createDirectories(folder.resolve("calm"));
        Path killed = Files.createDirectories(folder.resolve("killed"));
        assertEquals(0, finish(start(calm)));
        int numUnits = 15;
        int numKills = 0;
        for (int afterUnits : new int[] {1, numUnits / 2, numUnits - 2}) {
            Process process = start(killed);
            Path work = killed.resolve("out").resolve(CaptionRun.WORK);
            while (process.isAlive() && countUnits(work) < afterUnits) {
                Thread.sleep(1);
            }
            process.destroyForcibly();
            assertTrue(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS));
            numKills += Files.exists(killed.resolve("out/manifest.json")) ? 0 : 1;
        }
        assertEquals(3, numKills, "each time before it was done");
        assertEquals(0, finish(start(killed)));
        assertEquals(contents(calm.resolve("out")), contents(killed.resolve("out")));
    }

    @Test
    void shouldTrainOnToTheSameModelAfterBeingKilled() throws Exception {
        Path in = Files.createDirectories(folder.resolve("training"));
        Process process = start(in, "train", trainFlags(Path.of("out")));
        while (process.isAlive() && !Files.exists(in.resolve("out/checkpoint.json"))) {
            Thread.sleep(1);
        }
        process.destroyForcibly();
        assertTrue(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS));
        assertFalse(Files.exists(in.resolve("out/model.json")), "killed before it was done");
        assertEquals(0, TrainCommand.run(trainFlags(in.resolve("out"))));
        assertEquals(
                contents(model).get("model.json"), contents(in.resolve("out")).get("model.json"));
        assertEquals(
                List.of("curve.png", "graph.zip", "model.json", "train.args", "training.csv"),
                List.copyOf(contents(in.resolve("out")).keySet()));
    }

    @Test
    void shouldNameTheMistakeInTraining() throws IOException {
        String output = folder.resolve("untrained").toString();
        for (String[] each : new String[][] {
            {"--epochs", "0"}, {"--batch", "7"}, {"--size", "20"}, {"--width", "0"}, {"--validation", "1"}
        }) {
            ConfigException mistake = assertThrows(
                    ConfigException.class,
                    () -> TrainCommand.run("--data", data.toString(), "--output", output, each[0], each[1]));
            assertTrue(mistake.getMessage().startsWith(each[0] + " " + each[1]), mistake.getMessage());
        }
        new TinyData(1, 8, 8).solid("a#0", 0).write(folder.resolve("mute"));
        ConfigException mute = assertThrows(
                ConfigException.class,
                () -> TrainCommand.run("--data", folder.resolve("mute").toString(), "--output", output));
        assertTrue(mute.getMessage().contains("has a caption to learn from"), mute.getMessage());
        ConfigException trained = assertThrows(ConfigException.class, () -> TrainCommand.run(trainFlags(model)));
        assertTrue(trained.getMessage().contains("--overwrite"), trained.getMessage());
    }

    private static Process start(Path in) throws IOException {
        return start(in, "run", runFlags(Path.of("out")));
    }

    private static Process start(Path in, String name, String... flags) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> !flag.startsWith("-javaagent"))
                .toList());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "io.kinema.recaption.Recaption", name));
        command.addAll(List.of(flags));
        return new ProcessBuilder(command)
                .directory(in.toFile())
                .redirectErrorStream(true)
                .redirectOutput(
                        ProcessBuilder.Redirect.appendTo(in.resolve("log").toFile()))
                .start();
    }

    private static int finish(Process process) throws InterruptedException {
        if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("not done after " + TIMEOUT_SECONDS + " s");
        }
        return process.exitValue();
    }

    private static long countUnits(Path work) throws IOException {
        if (!Files.isDirectory(work)) {
            return 0;
        }
        try (Stream<Path> files = Files.list(work)) {
            return files.filter(file -> file.getFileName().toString().matches("unit-.*\\.json"))
                    .count();
        }
    }

    /** SHA-256 of each file below a folder. */
    private static Map<String, String> contents(Path of) throws IOException {
        Map<String, String> contents = new TreeMap<>();
        try (Stream<Path> files = Files.walk(of)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                contents.put(of.relativize(file).toString(), Sha256.of(Files.readAllBytes(file)));
            }
        }
        return contents;
    }

    @Test
    void shouldGiveTheSameModelAgain() throws IOException {
        Path again = folder.resolve("again");
        TrainCommand.run(trainFlags(again));
        assertEquals(contents(model).get("model.json"), contents(again).get("model.json"));
    }

    @Test
    void shouldNameTheMistake() throws IOException {
        Path output = folder.resolve("mistake");
        assertMistake("no trained model", "--model", folder.toString(), "--output", output.toString());
        assertMistake("neither short nor detailed", "--styles", "long", "--output", output.toString());
        assertMistake("is below 1", "--beam", "0", "--output", output.toString());
        assertMistake("overlap", "--output", data.resolve("inside").toString());
        assertMistake("no folder", "--data", folder.resolve("absent").toString(), "--output", output.toString());
        assertMistake("not known", "--captioner", "llava", "--output", output.toString());
        Path file = Files.writeString(folder.resolve("file"), "");
        assertMistake("is a file", "--output", file.toString());
        Path foreign = Files.createDirectories(folder.resolve("foreign"));
        Files.writeString(foreign.resolve("thesis.tex"), "");
        assertMistake("thesis.tex", "--output", foreign.toString());
        assertTrue(Files.exists(foreign.resolve("thesis.tex")));
    }

    private static void assertMistake(String expected, String... flags) {
        ConfigException mistake = assertThrows(
                ConfigException.class, () -> CaptionRunCommand.run(runFlags(folder.resolve("none"), flags)));
        assertTrue(mistake.getMessage().contains(expected), mistake.getMessage());
        assertEquals(1, mistake.getMessage().lines().count(), mistake.getMessage());
    }
}
