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
    private static Path captioned;
    private static Path shortlyTrained;

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
        assertEquals(0, TrainCommand.run(trainFlags(model, 20, 40)));
        shortlyTrained = folder.resolve("shortly-trained");
        assertEquals(0, TrainCommand.run(shortTraining(shortlyTrained)));
        captioned = folder.resolve("captioned");
        assertEquals(0, CaptionRunCommand.run(runFlags(captioned)));
    }

    private static String[] trainFlags(Path output, int epochs, int roundSteps) {
        String flags = "--data " + data + " --output " + output + " --epochs " + epochs + " --round-steps " + roundSteps
                + " --frames 2 --size 16 --width 2 --window 6 --validation 0.1 --learning-rate 3e-3";
        return flags.split(" ");
    }

    /** Training that has not learned much when it ends. */
    private static String[] shortTraining(Path output) {
        return trainFlags(output, 6, 10);
    }

    private static String[] runFlags(Path output, String... more) {
        List<String> flags = new ArrayList<>(
                List.of("--data", data.toString(), "--model", model.toString(), "--output", output.toString()));
        flags.addAll(List.of("--master", "local[2]"));
        flags.addAll(List.of(more));
        return flags.toArray(String[]::new);
    }

    @Test
    void shouldSayWhatTheClipsShow() throws IOException {
        try (Dataset result = Dataset.open(captioned.toString());
                Dataset original = Dataset.open(data.toString())) {
            for (ClipEntry entry : result.clips()) {
                Clip clip = result.read(entry);
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
        assertEquals(0, Files.size(captioned.resolve("quarantine.jsonl")));
        assertFalse(Files.exists(captioned.resolve("work")));
    }

    @Test
    void shouldDoNothingWhenAllIsDone() throws IOException {
        Map<String, String> before = contents(captioned);
        assertEquals(0, CaptionRunCommand.run(runFlags(captioned)));
        assertEquals(before, contents(captioned));
        ConfigException other =
                assertThrows(ConfigException.class, () -> CaptionRunCommand.run(runFlags(captioned, "--beam", "2")));
        assertTrue(other.getMessage().contains("--overwrite"), other.getMessage());
        assertEquals(before, contents(captioned), "the result of the first run stays");
    }

    @Test
    void shouldNotDependOnHowManyWork() throws IOException {
        Path one = folder.resolve("one");
        assertEquals(0, CaptionRunCommand.run(runFlags(one, "--master", "local[1]")));
        Map<String, String> ofOne = contents(one);
        Map<String, String> ofTwo = contents(captioned);
        ofOne.remove(CaptionRun.ARGS);
        ofTwo.remove(CaptionRun.ARGS);
        assertEquals(ofOne, ofTwo);
    }

    /** Real processes are killed; this one finishes their work. */
    @Test
    void shouldGiveTheSameBytesAfterBeingKilledThreeTimes() throws Exception {
        Path killed = folder.resolve("killed");
        int numUnits = 15;
        int numKills = 0;
        for (int afterUnits : new int[] {1, numUnits / 2, numUnits - 2}) {
            Process process = start("run", runFlags(killed));
            Path work = killed.resolve(CaptionRun.WORK);
            while (process.isAlive() && countUnits(work) < afterUnits) {
                Thread.sleep(1);
            }
            process.destroyForcibly();
            assertTrue(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS));
            numKills += Files.exists(killed.resolve("manifest.json")) ? 0 : 1;
        }
        assertEquals(3, numKills, "each time before it was done");
        assertEquals(0, CaptionRunCommand.run(runFlags(killed)));
        assertEquals(contents(captioned), contents(killed));
    }

    @Test
    void shouldGiveTheSameModelAgain() throws IOException {
        Path again = folder.resolve("again");
        assertEquals(0, TrainCommand.run(shortTraining(again)));
        assertEquals(contents(shortlyTrained).get("model.json"), contents(again).get("model.json"));
    }

    @Test
    void shouldTrainOnToTheSameModelAfterBeingKilled() throws Exception {
        Path killed = folder.resolve("killed-training");
        Process process = start("train", shortTraining(killed));
        while (process.isAlive() && !Files.exists(killed.resolve("checkpoint.json"))) {
            Thread.sleep(1);
        }
        process.destroyForcibly();
        assertTrue(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS));
        assertFalse(Files.exists(killed.resolve("model.json")), "killed before it was done");
        assertEquals(0, TrainCommand.run(shortTraining(killed)));
        assertEquals(
                contents(shortlyTrained).get("model.json"), contents(killed).get("model.json"));
        assertEquals(
                List.of("curve.png", "graph.zip", "model.json", "train.args", "training.csv"),
                List.copyOf(contents(killed).keySet()));
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
        ConfigException trained =
                assertThrows(ConfigException.class, () -> TrainCommand.run(trainFlags(model, 20, 40)));
        assertTrue(trained.getMessage().contains("--overwrite"), trained.getMessage());
    }

    private static Process start(String name, String... flags) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> !flag.startsWith("-javaagent"))
                .toList());
        // A short process ends before optimised code pays for its compilation.
        command.add("-XX:TieredStopAtLevel=1");
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "io.kinema.recaption.Recaption", name));
        command.addAll(List.of(flags));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        folder.resolve(name + ".log").toFile()))
                .start();
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

    /** SHA-256 of each file below a folder; of flags, their text without the folder's own name. */
    private static Map<String, String> contents(Path of) throws IOException {
        Map<String, String> contents = new TreeMap<>();
        try (Stream<Path> files = Files.walk(of)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                String content = file.endsWith(CaptionRun.ARGS)
                        ? Files.readString(file).replace(of.toString(), "")
                        : Sha256.of(Files.readAllBytes(file));
                contents.put(of.relativize(file).toString(), content);
            }
        }
        return contents;
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
