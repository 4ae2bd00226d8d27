package io.kinema.train.input;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.beust.jcommander.ParameterException;
import io.kinema.data.shard.ClipEntry;
import io.kinema.data.shard.Dataset;
import io.kinema.train.LaunchedProgram;
import io.kinema.train.TinyData;
import io.kinema.train.Train;
import io.kinema.train.run.FlagText;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.StepRange;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OrderTableTest {
    @TempDir
    private static Path root;

    private static Path data;

    @BeforeAll
    static void makeData() throws Exception {
        data = TinyData.write(root.resolve("data"), 1);
    }

    /** A line of the table. */
    private record Line(long step, long epoch, int microbatch, long tokens, List<String> clips) {
        static Line parse(String line) {
            String[] columns = line.strip().split(" +", 5);
            return new Line(
                    Long.parseLong(columns[0]),
                    Long.parseLong(columns[1]),
                    Integer.parseInt(columns[2]),
                    Long.parseLong(columns[3]),
                    List.of(columns[4].split(", ")));
        }
    }

    private static Recipe config() {
        return FlagText.settings("--model debug --patch 2x4x4 --microbatches 3 --tokens 40 --seed 5")
                .recipe();
    }

    private static List<Line> lines(String output) {
        return output.lines()
                .filter(line -> line.matches(" *\\d.*"))
                .map(Line::parse)
                .toList();
    }

    private static List<Line> print(Dataset dataset, StepRange steps) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        new OrderTable(dataset, config()).print(steps, new PrintStream(bytes, true, StandardCharsets.UTF_8));
        return lines(bytes.toString(StandardCharsets.UTF_8));
    }

    @Test
    void shouldNameTheClipsThatTrainingUses() throws Exception {
        try (Dataset dataset = Dataset.open(data.toString())) {
            ClipOrder order = new ClipOrder(dataset, config());
            List<Line> lines = print(dataset, new StepRange(5, 9));
            assertEquals(5 * 3, lines.size());
            for (int i = 0; i < lines.size(); i++) {
                Line line = lines.get(i);
                assertEquals(5 + i / 3, line.step);
                assertEquals(i % 3, line.microbatch);
                int[] expected = order.clips(line.step - 1, line.microbatch);
                assertArrayEquals(
                        expected,
                        line.clips.stream()
                                .mapToInt(id -> indexOf(dataset.clips(), id))
                                .toArray());
                assertEquals(order.tokens(line.step - 1, line.microbatch), line.tokens);
                assertTrue(line.tokens > 0 && line.tokens <= 40, line.toString());
            }
        }
    }

    private static int indexOf(List<ClipEntry> clips, String id) {
        return clips.stream().map(ClipEntry::id).toList().indexOf(id);
    }

    @Test
    void shouldNameEveryClipOnceAnEpoch() throws Exception {
        try (Dataset dataset = Dataset.open(data.toString())) {
            Map<Long, List<String>> clipsOfEpoch = new TreeMap<>();
            for (Line line : print(dataset, StepRange.upTo(20))) {
                clipsOfEpoch.computeIfAbsent(line.epoch, _ -> new ArrayList<>()).addAll(line.clips);
            }
            List<String> all =
                    dataset.clips().stream().map(ClipEntry::id).sorted().toList();
            int last = clipsOfEpoch.size() - 1;
            assertTrue(last >= 3, clipsOfEpoch::toString);
            clipsOfEpoch.remove((long) last);
            clipsOfEpoch.forEach(
                    (epoch, clips) -> assertEquals(all, clips.stream().sorted().toList(), "epoch " + epoch));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "x", "-3", "5-", "7-5", "0-4", "1..4", "1000000000000000000000"})
    void shouldRefuseWhatIsNeitherANumberNorARange(String value) {
        ParameterException e = assertThrows(ParameterException.class, () -> new StepRange.Parser().convert(value));
        assertTrue(e.getMessage().startsWith("--steps " + value + " "), e.getMessage());
    }

    @Test
    void shouldReadWhatItWrites() {
        for (String value : List.of("400", "5-7", "9-9")) {
            assertEquals(value, new StepRange.Parser().convert(value).toString());
        }
        assertEquals(StepRange.upTo(7), new StepRange.Parser().convert("1-7"));
    }

    /** From the flags of a run, with the launcher in a process of its own. */
    @Test
    void shouldWriteNothing() throws Exception {
        Path args = Files.writeString(root.resolve("run.args"), """
                --data %s
                --run %s
                --model debug
                --patch 2x4x4
                --microbatches 3
                --tokens 40
                --seed 5
                --steps 400
                """.formatted(data, root.resolve("run")));
        Path work = Files.createDirectories(root.resolve("work"));
        try (Dataset dataset = Dataset.open(data.toString());
                LaunchedProgram explain =
                        LaunchedProgram.start(Train.class, work, "@" + args, "--explain-order", "--steps", "6-8")) {
            assertEquals(print(dataset, new StepRange(6, 8)), lines(explain.expectExit(0)));
        }
        assertFalse(Files.exists(root.resolve("run")), "a run folder was made");
        try (Stream<Path> left = Files.list(work)) {
            assertEquals(1, left.count(), "more than the output was written");
        }
        try (LaunchedProgram training = LaunchedProgram.start(Train.class, work, "@" + args, "--steps", "6-8")) {
            String output = training.expectExit(2);
            assertTrue(output.contains("error: --steps 6-8 is a range, which only --explain-order takes"), output);
        }
        try (LaunchedProgram explain =
                LaunchedProgram.start(Train.class, work, "--explain-order", "--model", "debug")) {
            String output = explain.expectExit(2);
            assertTrue(output.contains("error: --data is not given, and no run has made "), output);
        }
    }
}
