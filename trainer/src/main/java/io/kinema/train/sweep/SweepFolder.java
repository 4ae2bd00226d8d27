package io.kinema.train.sweep;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import io.kinema.data.CommandLine;
import io.kinema.data.ConfigException;
import io.kinema.train.FolderLock;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.evaluate.LossTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Where a sweep keeps everything about itself: {@code sweep.args} and {@code train.args} (its flags), {@code plan.csv}, {@code points.csv}, {@code logs/}, and in {@code runs/} the folder of each training, with the losses of its
 * held-out clips, {@code held-out.csv}, beside what {@code launch/train.sh} writes.
 *
 * @param path the folder
 */
record SweepFolder(Path path) {
    private static final CsvMapper CSV = new CsvMapper();
    private static final JsonMapper JSON = new JsonMapper();
    private static final double SMOOTHING = 0.95;
    private static final int MOST_PLACES = 300;

    /**
     * Makes the folder, unless it is there.
     *
     * @throws ConfigException if it cannot be written, or is something else's
     */
    void create() {
        try {
            Files.createDirectories(path);
            try (Stream<Path> entries = Files.list(path)) {
                Optional<Path> stranger = entries.filter(
                                entry -> !isOfSweep(entry.getFileName().toString()))
                        .findFirst();
                if (stranger.isPresent()) {
                    throw new ConfigException("--sweep " + path + " holds what is not a sweep's ("
                            + stranger.get().getFileName() + "); choose an empty folder");
                }
            }
            Files.createDirectories(path.resolve("runs"));
            Files.createDirectories(path.resolve("logs"));
        } catch (IOException e) {
            throw new ConfigException(
                    "--sweep " + path + " cannot be written (" + e
                            + "); choose another folder or change its permissions",
                    e);
        }
    }

    private static boolean isOfSweep(String name) {
        return name.matches("\\.lock|runs|logs|fit|(sweep|train)\\.args(\\.tmp)?|(plan|points)\\.csv(\\.tmp)?"
                + "|.*\\.(html|png|svg|args)");
    }

    /**
     * Takes the folder for this process.
     *
     * @throws ConfigException when another process has it
     */
    FolderLock lock() throws IOException {
        return FolderLock.take("--sweep", path);
    }

    /** The folder that a file or folder lies in, a sweep's or not. */
    static SweepFolder around(Path inside) {
        return new SweepFolder(inside.toAbsolutePath().normalize().getParent());
    }

    /** Whether a sweep has begun here. */
    boolean isSweep() {
        return Files.isRegularFile(flags());
    }

    /** The flags that it was made with. */
    SweepFlags storedFlags() {
        SweepFlags stored = new SweepFlags();
        new CommandLine(SweepCommand.PROGRAM + " run", "", stored).parse("@" + flags());
        return stored;
    }

    Path flags() {
        return path.resolve("sweep.args");
    }

    Path trainFlags() {
        return path.resolve("train.args");
    }

    Path points() {
        return path.resolve("points.csv");
    }

    Path run(PlannedPoint point) {
        return path.resolve("runs").resolve(point.name());
    }

    Path log(PlannedPoint point) {
        return path.resolve("logs").resolve(point.name() + ".log");
    }

    Path losses(PlannedPoint point) {
        return run(point).resolve("held-out.csv");
    }

    /** The last checkpoint; empty while there is none. */
    Optional<Path> trained(PlannedPoint point) throws IOException {
        Path checkpoints = run(point).resolve(CheckpointFolder.NAME);
        if (!Files.isDirectory(checkpoints)) {
            return Optional.empty();
        }
        return new CheckpointFolder(checkpoints)
                .list().stream()
                        .filter(checkpoint -> CheckpointFolder.stepOf(checkpoint) == point.steps())
                        .findFirst();
    }

    boolean isMeasured(PlannedPoint point) {
        return Files.isRegularFile(losses(point));
    }

    /** Writes a file, all of it or nothing. */
    static void write(Path file, String text) throws IOException {
        Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
        try {
            Files.writeString(temporary, text);
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    void writePlan(List<PlannedPoint> plan) throws IOException {
        CsvSchema columns = CSV.schemaFor(PlannedPoint.class).withHeader();
        write(planFile(), CSV.writer(columns).writeValueAsString(plan));
    }

    /**
     * Reads what {@link #writePlan} has written.
     *
     * @throws ConfigException if the folder is no sweep's
     */
    List<PlannedPoint> plan() throws IOException {
        if (!Files.isRegularFile(planFile())) {
            throw new ConfigException(path.toAbsolutePath() + " holds no sweep (no "
                    + planFile().getFileName() + "); give the folder that launch/sweep.sh run --sweep names");
        }
        try (MappingIterator<PlannedPoint> rows = CSV.readerFor(PlannedPoint.class)
                .with(CsvSchema.emptySchema().withHeader())
                .readValues(planFile().toFile())) {
            return rows.readAll();
        } catch (JacksonException e) {
            throw new ConfigException(
                    planFile() + " is damaged: "
                            + e.getMessage().lines().findFirst().orElse("") + "; launch/sweep.sh run writes it again",
                    e);
        }
    }

    private Path planFile() {
        return path.resolve("plan.csv");
    }

    /** How many steps a training has made so far: the last line says it, or the one before where that is being written. */
    long steps(PlannedPoint point) throws IOException {
        List<String> lines = metricsLines(point);
        for (int i = lines.size() - 1; i >= 0; i--) {
            Optional<JsonNode> step = step(lines.get(i));
            if (step.isPresent()) {
                return step.get().path("step").asLong();
            }
        }
        return 0;
    }

    /** What a training that is measured has come to. */
    ScalingPoint point(PlannedPoint planned, String captionModel, boolean isExact) throws IOException {
        double tokens = 0;
        double flops = 0;
        List<JsonNode> steps = metrics(planned);
        for (JsonNode step : steps) {
            tokens += step.path("tokens").asDouble();
            flops += step.path("flops").asDouble();
        }
        if (steps.size() != planned.steps() || !(flops > 0)) {
            throw new IOException(
                    run(planned).resolve("metrics.jsonl") + " has " + steps.size() + " steps, the training "
                            + planned.steps() + "; delete the folder " + run(planned) + " to have it trained again");
        }
        LossTable.Estimate loss = LossTable.read("the table", losses(planned)).mean();
        ScalingPoint point = new ScalingPoint(
                planned.parameters(),
                tokens,
                flops,
                loss.mean(),
                loss.halfWidth(),
                planned.model(),
                captionModel,
                planned.steps(),
                planned.learningRate(),
                planned.microbatches(),
                path.relativize(run(planned)).toString());
        return isExact ? point : point.withSixNd();
    }

    /** The loss of each training so far, smoothed, for plots. */
    List<Charts.TrainingCurve> curves() throws IOException {
        List<Charts.TrainingCurve> curves = new ArrayList<>();
        for (PlannedPoint point : plan()) {
            List<JsonNode> steps = metrics(point);
            double[] tokens = new double[steps.size()];
            double[] loss = new double[steps.size()];
            for (int i = 0; i < steps.size(); i++) {
                double before = i == 0 ? 0 : tokens[i - 1];
                double now = steps.get(i).path("loss").asDouble();
                tokens[i] = before + steps.get(i).path("tokens").asDouble();
                loss[i] = i == 0 ? now : SMOOTHING * loss[i - 1] + (1 - SMOOTHING) * now;
            }
            if (tokens.length > 0) {
                curves.add(new Charts.TrainingCurve(point.model(), point.parameters(), thin(tokens), thin(loss)));
            }
        }
        return curves;
    }

    /** No more than a picture can show. */
    private static double[] thin(double[] values) {
        int every = Math.ceilDiv(values.length, MOST_PLACES);
        return IntStream.range(0, values.length)
                .filter(i -> i % every == every - 1 || i == values.length - 1)
                .mapToDouble(i -> values[i])
                .toArray();
    }

    private List<String> metricsLines(PlannedPoint point) throws IOException {
        Path file = run(point).resolve("metrics.jsonl");
        return Files.isRegularFile(file) ? Files.readAllLines(file) : List.of();
    }

    /** A line that is being written is left out. */
    private List<JsonNode> metrics(PlannedPoint point) throws IOException {
        return metricsLines(point).stream().flatMap(line -> step(line).stream()).toList();
    }

    private static Optional<JsonNode> step(String line) {
        try {
            return Optional.of(JSON.readTree(line));
        } catch (JacksonException unfinished) {
            return Optional.empty();
        }
    }
}
