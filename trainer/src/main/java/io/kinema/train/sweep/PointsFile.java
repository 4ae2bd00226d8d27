package io.kinema.train.sweep;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.RuntimeJsonMappingException;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A table of {@link ScalingPoint}s (CSV with a header). Columns N, D, C and loss are needed, others may be missing or
 * more.
 */
final class PointsFile {
    private static final CsvMapper CSV = CsvMapper.builder()
            .enable(CsvParser.Feature.TRIM_SPACES)
            .enable(CsvParser.Feature.SKIP_EMPTY_LINES)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    private PointsFile() {}

    /**
     * Reads points.
     *
     * @throws ConfigException if there is no such file, or it has no such columns, or a number in it can be none
     */
    static List<ScalingPoint> read(Path file) throws IOException {
        if (!Files.isRegularFile(file) || Files.size(file) == 0) {
            throw new ConfigException((Files.isRegularFile(file) ? "nothing in " : "no file ") + file.toAbsolutePath()
                    + "; give a table (CSV) with columns N, D, C and loss, as launch/sweep.sh run writes");
        }
        List<ScalingPoint> points = new ArrayList<>();
        try (MappingIterator<ScalingPoint> rows = CSV.readerFor(ScalingPoint.class)
                .with(CsvSchema.emptySchema().withHeader())
                .readValues(file.toFile())) {
            while (rows.hasNext()) {
                ScalingPoint point = rows.next();
                if (!point.isPositive()) {
                    throw new ConfigException(file + " line " + (points.size() + 2) + ": N=" + point.n() + " D="
                            + point.d() + " C=" + point.c() + " loss=" + point.loss()
                            + ", where all four are needed and above 0; correct the line, or leave it out");
                }
                points.add(point);
            }
        } catch (JacksonException | RuntimeJsonMappingException e) {
            throw new ConfigException(
                    file + " line " + (points.size() + 2) + " is no point: "
                            + e.getMessage().lines().findFirst().orElse("")
                            + "; give a table (CSV) with columns N, D, C and loss",
                    e);
        }
        return points;
    }

    /** Writes points, all or none. */
    static void write(Path file, List<ScalingPoint> points) throws IOException {
        SweepFolder.write(
                file, CSV.writer(CSV.schemaFor(ScalingPoint.class).withHeader()).writeValueAsString(points));
    }
}
