package io.kinema.train.evaluate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.ClipEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LossTableTest {
    @TempDir
    Path folder;

    private static LossTable.Row row(String clip, String source, int values, double time, double loss) {
        return new LossTable.Row(clip, source, 2, 4, values / 24, values, time, "1", loss);
    }

    @Test
    void shouldWeighByValuesAndTakeSourcesTogether() {
        LossTable table = new LossTable(
                List.of(row("a#0", "a", 24, 100, 1), row("a#1", "a", 24, 100, 3), row("b#0", "b", 48, 100, 2.5)));
        LossTable.Estimate mean = table.mean();
        assertEquals(2.25, mean.mean(), 1e-12);
        // Residuals of the two sources: 96 - 2.25*48 = -12, 120 - 2.25*48 = 12.
        assertEquals(12.706205 * Math.sqrt(2 * 288.0) / 96, mean.halfWidth(), 1e-12);
        assertTrue(Double.isNaN(new LossTable(table.rows().subList(0, 2)).mean().halfWidth()));
    }

    @Test
    void shouldCoverTheMeanInAbout95PercentOfDrawings() {
        Random random = new Random(1);
        int covered = 0;
        for (int i = 0; i < 1000; i++) {
            List<LossTable.Row> rows = new ArrayList<>();
            for (int source = 0; source < 60; source++) {
                double ofSource = random.nextGaussian();
                int numClips = 1 + random.nextInt(3);
                for (int clip = 0; clip < numClips; clip++) {
                    rows.add(row(source + "#" + clip, source + "", 24, 0, 5 + ofSource + random.nextGaussian()));
                }
            }
            LossTable.Estimate mean = new LossTable(rows).mean();
            covered += Math.abs(mean.mean() - 5) <= mean.halfWidth() ? 1 : 0;
        }
        assertTrue(covered >= 920 && covered <= 970, covered + " of 1000");
    }

    @Test
    void shouldTellTwoModelsApartByTheirDifferenceOnEachClip() {
        LossTable one = new LossTable(List.of(row("a#0", "a", 24, 1, 1), row("b#0", "b", 24, 1, 9)));
        LossTable two = new LossTable(List.of(row("b#0", "b", 24, 1, 8.9), row("a#0", "a", 24, 1, 0.9)));
        LossTable.Estimate difference = one.minus(two);
        assertEquals(0.1, difference.mean(), 1e-12);
        assertEquals(0, difference.halfWidth(), 1e-12);
    }

    @Test
    void shouldNotCompareOtherClipsOrTimes() {
        LossTable one = new LossTable(List.of(row("a#0", "a", 24, 1, 1)));
        assertThrows(ConfigException.class, () -> one.minus(new LossTable(List.of(row("a#0", "a", 24, 2, 1)))));
        assertThrows(ConfigException.class, () -> one.minus(new LossTable(List.of(row("a#0", "a", 48, 1, 1)))));
        assertThrows(
                ConfigException.class,
                () -> one.minus(new LossTable(List.of(row("a#0", "a", 24, 1, 1), row("b#0", "b", 24, 1, 1)))));
    }

    @Test
    void shouldReadWhatItHasWritten() throws IOException {
        LossTable table = new LossTable(List.of(
                row("a, \"b\"\nc#0", "a, \"b\"\nc", 24, 1000 / 3.0, Math.PI), row("d#0", "d", 48, 1e-7, Double.NaN)));
        Path file = folder.resolve("losses.csv");
        table.write(file);
        assertEquals(table, LossTable.read("--baseline", file));
        table.write(file);
        try (var files = Files.list(folder)) {
            assertEquals(List.of(file), files.toList());
        }
    }

    @Test
    void shouldRefuseWhatIsNoTable() throws IOException {
        Path file = folder.resolve("losses.csv");
        assertThrows(ConfigException.class, () -> LossTable.read("--baseline", file));
        new LossTable(List.of(row("a#0", "a", 24, 1, 1))).write(file);
        String whole = Files.readString(file);
        for (String damaged : List.of(
                "", "a,b\n1,2\n", whole.replace("24", "x"), whole.substring(0, whole.length() - 12), "clip\na#0\n")) {
            Files.writeString(file, damaged);
            ConfigException refused =
                    assertThrows(ConfigException.class, () -> LossTable.read("--baseline", file), damaged);
            assertTrue(refused.getMessage().contains("losses.csv"), refused.getMessage());
            assertFalse(refused.getMessage().contains("\n"), refused.getMessage());
        }
    }

    /** The normal's 1.96 covers 70 % of drawings of two sources, and 88 % of four. */
    @Test
    void shouldCoverTheMeanOfFewSourcesToo() {
        Random random = new Random(2);
        for (int numSources : new int[] {2, 4, 12}) {
            int covered = 0;
            for (int i = 0; i < 2000; i++) {
                List<LossTable.Row> rows = new ArrayList<>();
                for (int source = 0; source < numSources; source++) {
                    rows.add(row(source + "#0", source + "", 24, 0, 5 + random.nextGaussian()));
                }
                LossTable.Estimate mean = new LossTable(rows).mean();
                covered += Math.abs(mean.mean() - 5) <= mean.halfWidth() ? 1 : 0;
            }
            assertEquals(1900, covered, 40, numSources + " sources");
        }
    }

    @Test
    void shouldKnowQuantilesOfManyValuesToo() {
        assertEquals(2.200985, StudentT.quantile(11), 2e-4);
        assertEquals(2.042272, StudentT.quantile(30), 1e-5);
        assertEquals(1.983972, StudentT.quantile(100), 1e-5);
    }

    @Test
    void shouldSayWhichIsBetterAndWhatOneSourceDoesNotTell() {
        assertEquals("worse than the baseline", new LossTable.Estimate(0.2, 0.1).verdict());
        assertEquals("better than the baseline", new LossTable.Estimate(-0.2, 0.1).verdict());
        assertEquals("no difference that these clips can tell", new LossTable.Estimate(0.1, 0.1).verdict());
        LossTable.Estimate alone = new LossTable(List.of(row("a#0", "a", 24, 1, 1))).mean();
        assertEquals("1.000000 (one source: no interval)", alone.text());
        assertEquals("one source does not tell which is better", alone.verdict());
    }

    @Test
    void shouldRefuseABaselineOfAnotherSeedOrOtherTimesBeforeTheWork() {
        LossTable table = new LossTable(List.of(row("a#0", "a", 24, 1, 1)));
        List<ClipEntry> clips = List.of(new ClipEntry("a#0", 0, 0, 0, 2, 4, 1));
        table.requireBaselineOf(clips, List.of(1.0), 1);
        String refused = assertThrows(ConfigException.class, () -> table.requireBaselineOf(clips, List.of(1.0), 2))
                .getMessage();
        assertTrue(refused.contains("--seed 2") && refused.contains("--seed 1"), refused);
        for (List<Double> times : List.of(List.of(2.0), List.of(1.0, 2.0))) {
            assertThrows(ConfigException.class, () -> table.requireBaselineOf(clips, times, 1));
        }
        List<ClipEntry> larger = List.of(new ClipEntry("a#0", 0, 0, 0, 2, 8, 1));
        assertThrows(ConfigException.class, () -> table.requireBaselineOf(larger, List.of(1.0), 1));
    }
}
