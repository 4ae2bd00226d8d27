package io.kinema.train.sweep;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.storage.JsonLines;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.evaluate.LossTable;
import io.kinema.train.run.FolderLock;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Where a sweep keeps everything about itself: {@code sweep.args} and {@code train.args} (its flags), {@code plan.csv},
 * {@code points.csv}, {@code logs/}, and in {@code runs/} the folder of each training, with the losses of its held-out
 * clips, {@code held-out.csv}, beside what {@code launch/train.sh} writes.
 *
 * @param path the folder
 */
record SweepFolder(Path path) {
    private static final CsvMapper CSV = new CsvMapper();
    private static final JsonMapper JSON = new JsonMapper();
    private static final double SMOOTHING = 0.95;
    private static final int MOST_PLACES = 300;

    /** Bytes, of several lines of metrics. */
    private static final int LAST_LINES = 1 << 13;

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
                if (stranger.isPresent() && !isSweep()) {
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
        return name.matches("\\.lock|runs|logs|(sweep|train)\\.args(\\.tmp)?|(plan|points)\\.csv(\\.tmp)?");
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

    /** A plan, and what else of an earlier one is measured: shorter lists leave finished points. */
    List<PlannedPoint> withMeasured(List<PlannedPoint> wanted) throws IOException {
        if (!Files.isRegularFile(planFile())) {
            return wanted;
        }
        List<PlannedPoint> all = new ArrayList<>(wanted);
        Set<String> names = wanted.stream().map(PlannedPoint::name).collect(Collectors.toSet());
        plan().stream()
                .filter(point -> !names.contains(point.name()) && isMeasured(point))
                .forEach(all::add);
        all.sort(PlannedPoint.BY_COST);
        return List.copyOf(all);
    }

    private Path planFile() {
        return path.resolve("plan.csv");
    }

    /**
     * How many steps a training has made so far: the last line says it, or the one before where that is being written.
     */
    long steps(PlannedPoint point) throws IOException {
        Path file = metrics(point);
        if (!Files.isRegularFile(file)) {
            return 0;
        }
        byte[] end;
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "r")) {
            open.seek(Math.max(0, open.length() - LAST_LINES));
            end = new byte[(int) (open.length() - open.getFilePointer())];
            open.readFully(end);
        }
        List<Long> whole = new ArrayList<>();
        JsonLines.read(new ByteArrayInputStream(end), line -> {
            if (line.isWhole()) {
                whole.add(line.object().path("step").asLong());
            }
        });
        return whole.isEmpty() ? 0 : whole.getLast();
    }

    /** What a training that is measured has come to. */
    ScalingPoint point(PlannedPoint planned, String captionModel, boolean isExact) throws IOException {
        double tokens = 0;
        double flops = 0;
        long count = 0;
        for (Step step : steps(metrics(planned))) {
            tokens += step.tokens;
            flops += step.flops;
            count++;
        }
        if (count != planned.steps() || !(flops > 0)) {
            throw new IOException(metrics(planned) + " has " + count + " steps, the training " + planned.steps()
                    + "; delete the folder " + run(planned) + " to have it trained again");
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
            List<Step> steps = steps(metrics(point));
            double[] tokens = new double[steps.size()];
            double[] loss = new double[steps.size()];
            for (int i = 0; i < steps.size(); i++) {
                Step step = steps.get(i);
                tokens[i] = step.tokens + (i == 0 ? 0 : tokens[i - 1]);
                loss[i] = i == 0 ? step.loss : SMOOTHING * loss[i - 1] + (1 - SMOOTHING) * step.loss;
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

    private Path metrics(PlannedPoint point) {
        return run(point).resolve("metrics.jsonl");
    }

    /** What a sweep takes from a line of a training's metrics. */
    private record Step(double loss, double tokens, double flops) {
        static Step of(JsonNode line) {
            return new Step(
                    line.path("loss").asDouble(),
                    line.path("tokens").asDouble(),
                    line.path("flops").asDouble());
        }
    }

    /** A line that is half written is left out, with a warning. */
    private static List<Step> steps(Path metrics) throws IOException {
        if (!Files.isRegularFile(metrics)) {
            return List.of();
        }
        return JsonLines.whole(metrics, System.err::println).stream()
                .map(line -> Step.of(line.object()))
                .toList();
    }
}
