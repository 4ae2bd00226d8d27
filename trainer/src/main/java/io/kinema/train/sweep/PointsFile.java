package io.kinema.train.sweep;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.RuntimeJsonMappingException;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.TextFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A table of {@link ScalingPoint}s (CSV with a header). Columns N, loss and one of D and C are needed, under these
 * names or usual ones, in capitals or not; others may be missing or more.
 */
final class PointsFile {
    private static final CsvMapper CSV = CsvMapper.builder()
            .enable(CsvParser.Feature.TRIM_SPACES)
            .enable(CsvParser.Feature.SKIP_EMPTY_LINES)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    private static final String N = "N";
    private static final String D = "D";
    private static final String C = "C";
    private static final String LOSS = "loss";

    /** By column what others call it, in small letters without spaces and signs. */
    private static final SequencedMap<String, Set<String>> NAMES = new LinkedHashMap<>();

    static {
        NAMES.put(N, Set.of("n", "params", "parameters", "numparams", "numparameters", "nparams", "modelsize"));
        NAMES.put(D, Set.of("d", "tokens", "numtokens", "ntokens", "trainingtokens", "traintokens"));
        NAMES.put(C, Set.of("c", "flop", "flops", "trainingflop", "trainingflops", "trainflops", "compute"));
        NAMES.put(
                LOSS, Set.of("loss", "finalloss", "heldoutloss", "validationloss", "valloss", "evalloss", "testloss"));
    }

    private static final String WANTED = "give a table (CSV) with columns N (parameters), loss, and D (tokens) or C"
            + " (operations), or names such as Model Size, Tokens, Training FLOP";

    private final Path file;
    private final Consumer<String> remarks;

    /** The table's column by ours. */
    private final Map<String, String> columns = new HashMap<>();

    private PointsFile(Path file, Consumer<String> remarks) {
        this.file = file;
        this.remarks = remarks;
    }

    /**
     * Reads points.
     *
     * @param remarks takes what to know of them: points that are given twice, and columns that are not there
     * @return each once
     * @throws ConfigException if there is no such file, or it has no such columns, or a number in it can be none
     */
    static List<ScalingPoint> read(Path file, Consumer<String> remarks) throws IOException {
        if (!Files.isRegularFile(file) || Files.size(file) == 0) {
            throw new ConfigException((Files.isRegularFile(file) ? "nothing in " : "no file ") + file.toAbsolutePath()
                    + "; " + WANTED + ", as launch/sweep.sh run writes");
        }
        return new PointsFile(file, remarks).read();
    }

    private List<ScalingPoint> read() throws IOException {
        Map<ScalingPoint, Integer> lineOf = new LinkedHashMap<>();
        List<String> again = new ArrayList<>();
        Iterator<Integer> numbers = numbersOfRows().iterator();
        int line = 1;
        try (MappingIterator<Map<String, String>> rows = CSV.readerForMapOf(String.class)
                .with(CsvSchema.emptySchema().withHeader())
                .readValues(file.toFile())) {
            while (rows.hasNext()) {
                line = numbers.next();
                Map<String, String> row = rows.next();
                if (columns.isEmpty()) {
                    name(row.keySet());
                }
                ScalingPoint point = point(row, line);
                Integer before = lineOf.putIfAbsent(point, line);
                if (before != null) {
                    again.add("line " + line + " as line " + before);
                }
            }
        } catch (JacksonException | RuntimeJsonMappingException e) {
            throw new ConfigException(
                    file + " line " + (line + 1) + " is no point: "
                            + e.getMessage().lines().findFirst().orElse("") + "; " + WANTED,
                    e);
        }
        if (!again.isEmpty()) {
            remarks.accept("points are given twice, and count once: " + String.join(", ", again));
        }
        return List.copyOf(lineOf.keySet());
    }

    /** The lines below the header that have something in them, from 1. */
    private List<Integer> numbersOfRows() throws IOException {
        List<String> lines = TextFile.lines("--points", file);
        return IntStream.range(0, lines.size())
                .filter(i -> !lines.get(i).isBlank())
                .skip(1)
                .map(i -> i + 1)
                .boxed()
                .toList();
    }

    /** Finds our columns among those of the table. */
    private void name(Set<String> header) {
        NAMES.forEach((ours, names) -> {
            List<String> found = header.stream()
                    .filter(theirs -> names.contains(plain(theirs)))
                    .toList();
            if (found.size() > 1) {
                throw new ConfigException(file + " has " + found.size() + " columns that can be " + ours + ": "
                        + String.join(", ", found) + "; leave out or rename all but one");
            }
            found.forEach(theirs -> columns.put(ours, theirs));
        });
        boolean isComplete = columns.containsKey(N)
                && columns.containsKey(LOSS)
                && (columns.containsKey(D) || columns.containsKey(C));
        if (!isComplete) {
            String missing = NAMES.keySet().stream()
                    .filter(ours -> !columns.containsKey(ours))
                    .collect(Collectors.joining(", "));
            throw new ConfigException(file + " has columns " + String.join(", ", header) + ", none of them for "
                    + missing + "; " + WANTED);
        }
        if (!columns.containsKey(D)) {
            remarks.accept("the points have no column of tokens: D is C / 6N");
        }
        if (!columns.containsKey(C)) {
            remarks.accept("the points have no column of operations: C is 6ND");
        }
    }

    private static String plain(String name) {
        return name.toLowerCase(Locale.ROOT).replaceAll("[^\\p{L}\\p{N}]", "");
    }

    private ScalingPoint point(Map<String, String> row, int line) {
        Map<String, Object> values = new HashMap<>(row);
        double n = number(row, N, line);
        double loss = number(row, LOSS, line);
        double d = columns.containsKey(D) ? number(row, D, line) : number(row, C, line) / (6 * n);
        double c = columns.containsKey(C) ? number(row, C, line) : 6 * n * d;
        columns.values().forEach(values::remove);
        values.putAll(Map.of(N, n, D, d, C, c, LOSS, loss));
        values.values().removeIf(""::equals);
        try {
            return CSV.convertValue(values, ScalingPoint.class);
        } catch (IllegalArgumentException e) {
            throw new ConfigException(
                    file + " line " + line + " is no point: "
                            + e.getMessage().lines().findFirst().orElse("") + "; correct the line",
                    e);
        }
    }

    private double number(Map<String, String> row, String ours, int line) {
        String column = columns.get(ours);
        String text = row.getOrDefault(column, "");
        double value;
        try {
            value = Double.parseDouble(text);
        } catch (NumberFormatException e) {
            value = Double.NaN;
        }
        if (!(value > 0 && Double.isFinite(value))) {
            throw new ConfigException(file + " line " + line + ": " + column + " is "
                    + (text.isBlank() ? "empty" : text) + ", where a number above 0 is needed;"
                    + " correct the line, or leave it out");
        }
        return value;
    }

    /** Writes points, all or none. */
    static void write(Path file, List<ScalingPoint> points) throws IOException {
        SweepFolder.write(
                file, CSV.writer(CSV.schemaFor(ScalingPoint.class).withHeader()).writeValueAsString(points));
    }
}
