package io.kinema.train.evaluate;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.RuntimeJsonMappingException;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.ClipEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * The losses of many clips at several times, and their means.
 *
 * @param rows clip after clip
 */
public record LossTable(List<Row> rows) {
    private static final CsvMapper CSV = CsvMapper.builder()
            .enable(CsvParser.Feature.FAIL_ON_MISSING_COLUMNS)
            .build();
    private static final CsvSchema COLUMNS = CsvSchema.builder()
            .addColumn("clip")
            .addColumn("source")
            .addColumn("frames")
            .addColumn("height")
            .addColumn("width")
            .addColumn("values")
            .addColumn("time")
            .addColumn("seed")
            .addColumn("loss")
            .setUseHeader(true)
            .build();

    /**
     * The loss of a clip at a time.
     *
     * @param clip its id
     * @param source what it was cut from; clips of one source are alike
     * @param frames T
     * @param height H
     * @param width W
     * @param values how many the network predicts, padding of images included
     * @param time as the network is told it, 0 (the clip) to 1000
     * @param seed of noise and captions; empty in tables that do not say
     * @param loss mean of the squared errors of these values
     */
    public record Row(
            String clip,
            String source,
            int frames,
            int height,
            int width,
            long values,
            double time,
            String seed,
            double loss) {
        /** Tables of earlier versions have no seed. */
        public Row {
            seed = seed == null ? "" : seed;
        }

        private String shape() {
            return frames + "x" + height + "x" + width;
        }
    }

    /**
     * A mean, or a difference of two.
     *
     * @param mean of the squared error over all values
     * @param halfWidth of its 95 % interval; NaN where there are not two sources
     */
    public record Estimate(double mean, double halfWidth) {
        /** For people. */
        String text() {
            return Double.isNaN(halfWidth)
                    ? String.format(Locale.ROOT, "%.6f (one source: no interval)", mean)
                    : String.format(
                            Locale.ROOT,
                            "%.6f (95 %% interval %.6f to %.6f)",
                            mean,
                            mean - halfWidth,
                            mean + halfWidth);
        }

        /** What a difference to a baseline means. */
        String verdict() {
            if (Double.isNaN(halfWidth)) {
                return "one source does not tell which is better";
            }
            return mean - halfWidth > 0
                    ? "worse than the baseline"
                    : mean + halfWidth < 0 ? "better than the baseline" : "no difference that these clips can tell";
        }
    }

    /** Keeps its own list. */
    public LossTable {
        rows = List.copyOf(rows);
    }

    /**
     * Returns the mean of all; each value weighs the same, as in training.
     *
     * @return it and its interval
     */
    public Estimate mean() {
        return estimate(rows, Row::loss);
    }

    /**
     * Checks a baseline before any work.
     *
     * @param clips that are to be evaluated
     * @param times at which
     * @param wantedSeed of noise and captions
     * @throws ConfigException if it is of other clips, sizes, times, or another seed
     */
    void requireBaselineOf(List<ClipEntry> clips, List<Double> times, long wantedSeed) {
        Map<String, Row> known = new HashMap<>();
        rows.forEach(row -> known.put(row.clip + '\n' + row.time, row));
        for (ClipEntry clip : clips) {
            for (double time : times) {
                Row row = known.get(clip.id() + '\n' + time);
                boolean isSame = row != null
                        && row.frames == clip.numFrames()
                        && row.height == clip.height()
                        && row.width == clip.width();
                if (!isSame || rows.size() != (long) clips.size() * times.size()) {
                    throw new ConfigException("--baseline has " + rows.size() + " losses, this evaluation would have "
                            + (long) clips.size() * times.size() + ", and not of the same clips, sizes and times (here "
                            + clip.id() + " at time " + time
                            + "); evaluate both checkpoints with the same --data, --clips and --times");
                }
                if (!row.seed.isEmpty() && !row.seed.equals(Long.toString(wantedSeed))) {
                    throw new ConfigException("--seed " + wantedSeed + ", and --baseline has losses of --seed "
                            + row.seed + ": noise and captions would be others; give --seed " + row.seed
                            + ", or evaluate the baseline again");
                }
            }
        }
    }

    /**
     * What is lost more, or less where negative, than in another table of the same clips and times.
     *
     * @throws ConfigException if its clips or times are others
     */
    Estimate minus(LossTable other) {
        Map<String, Row> others = new HashMap<>();
        other.rows.forEach(row -> others.put(row.clip + '\n' + row.time, row));
        for (Row row : rows) {
            Row twin = others.get(row.clip + '\n' + row.time);
            if (twin == null || twin.values != row.values || other.rows.size() != rows.size()) {
                throw new ConfigException("--baseline has " + other.rows.size() + " losses, this evaluation "
                        + rows.size() + ", and not of the same clips, sizes and times (here " + row.clip + " at time "
                        + row.time + "); evaluate both checkpoints with the same --data, --clips and --times");
            }
        }
        return estimate(rows, row -> row.loss - others.get(row.clip + '\n' + row.time).loss);
    }

    /**
     * Of a ratio of sums over sources, which are what was drawn independently (Cochran, Sampling Techniques, 1977,
     * section 6.4).
     */
    private static Estimate estimate(Collection<Row> rows, Function<Row, Double> loss) {
        Map<String, double[]> sumsOfSource = new LinkedHashMap<>();
        for (Row row : rows) {
            double[] sums = sumsOfSource.computeIfAbsent(row.source, _ -> new double[2]);
            sums[0] += row.values * loss.apply(row);
            sums[1] += row.values;
        }
        double errors = 0;
        double values = 0;
        for (double[] sums : sumsOfSource.values()) {
            errors += sums[0];
            values += sums[1];
        }
        double mean = errors / values;
        double squares = 0;
        for (double[] sums : sumsOfSource.values()) {
            double residual = sums[0] - mean * sums[1];
            squares += residual * residual;
        }
        int n = sumsOfSource.size();
        return new Estimate(
                mean, n < 2 ? Double.NaN : StudentT.quantile(n - 1) * Math.sqrt(squares * n / (n - 1)) / values);
    }

    /** Means of all, under a name such as held-out loss, of each shape and of each time, for people. */
    String summary(String name) {
        StringBuilder text = new StringBuilder(name + " " + mean().text() + '\n');
        append(text, "clips of (frames x rows x columns)", Row::shape);
        append(text, "at time", row -> String.format(Locale.ROOT, "%8.3f", row.time));
        return text.toString();
    }

    private void append(StringBuilder text, String name, Function<Row, String> group) {
        Map<String, List<Row>> groups = new TreeMap<>();
        rows.forEach(row ->
                groups.computeIfAbsent(group.apply(row), _ -> new ArrayList<>()).add(row));
        groups.forEach((key, ofGroup) -> text.append(name)
                .append(' ')
                .append(key.strip())
                .append(": ")
                .append(estimate(ofGroup, Row::loss).text())
                .append('\n'));
    }

    /** Writes a CSV file, whole or not at all. */
    void write(Path file) throws IOException {
        Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
        try {
            CSV.writer(COLUMNS).writeValues(temporary.toFile()).writeAll(rows).close();
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    /**
     * Reads what {@code launch/evaluate.sh --output} has written.
     *
     * @param flag that named the file
     * @param file the table
     * @return it
     * @throws ConfigException if the file is none
     * @throws IOException if it cannot be read
     */
    public static LossTable read(String flag, Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new ConfigException(
                    flag + " " + file + " is not a file; give what --output of another evaluation wrote");
        }
        try (MappingIterator<Row> rows = CSV.readerFor(Row.class)
                .with(CsvSchema.emptySchema().withHeader())
                .readValues(file.toFile())) {
            LossTable table = new LossTable(rows.readAll());
            if (table.rows.stream().anyMatch(row -> row.clip == null || row.source == null || row.values < 1)) {
                throw new ConfigException(
                        flag + " " + file + " lacks columns that launch/evaluate.sh --output writes; give such a file");
            }
            return table;
        } catch (JacksonException | RuntimeJsonMappingException e) {
            throw new ConfigException(
                    flag + " " + file + " is no table of launch/evaluate.sh --output: "
                            + e.getMessage().lines().findFirst().orElse(""),
                    e);
        }
    }
}
