package io.kinema.train.sweep;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/** {@code launch/sweep.sh fit}: scaling laws through points, with intervals. */
final class FitCommand {
    private static final String SUMMARY = """
            fits scaling laws to points

            L(N, D) = E + A/N^α + B/D^β by the Huber loss of log L from a grid of starts; the best division of \
            a budget by that
            law, by isoFLOP parabolas and by the minimum over curves (Hoffmann et al., 2203.15556); L(N), L(D) \
            and L(C) without
            an offset (Kaplan et al., 2001.08361). In brackets 95 % intervals, the wider of a \
            bootstrap of
            residuals and one of pairs.\
            """;

    private static final class Flags {
        @Parameter(
                names = "--points",
                order = 0,
                required = true,
                description =
                        "Table (CSV) with columns N (parameters), D (tokens), C (floating point operations) and loss,"
                                + " as run writes; usual names such as Model Size are known, and D or C may be absent")
        private String points = "";

        @Parameter(
                names = "--output",
                order = 1,
                description =
                        "Folder for fit.json, which recommend and plot read; the folder fit beside --points if absent")
        private String output = "";

        @Parameter(
                names = "--flops",
                order = 2,
                description =
                        "What a training costs: exact (column C) or 6nd (6 operations for each parameter and token)")
        private String flops = SweepFlags.EXACT;

        @Parameter(
                names = "--samples",
                order = 3,
                description = "Samples of each bootstrap; 0 is 4000, and fewer for more than 250 points")
        private int samples;

        @Parameter(names = "--seed", order = 4, description = "Seed of the bootstraps")
        private long seed = 1;

        @Parameter(names = "--force", order = 5, description = "Replace the fit in --output if there is one")
        private boolean force;
    }

    private static final int MOST_POINTS = 10_000;
    private static final int MOST_SAMPLES = 4_000;
    private static final int LEAST_SAMPLES = 500;
    private static final int MANY_POINTS = 250;

    private FitCommand() {}

    static int run(String... args) throws IOException {
        Flags flags = new Flags();
        if (!new CommandLine(SweepCommand.PROGRAM + " fit", SUMMARY, flags).parse(args)) {
            return 0;
        }
        if (flags.samples != 0) {
            CommandLine.requireRange("--samples", flags.samples, 100, 1_000_000);
        }
        SweepFlags.requireFlops(flags.flops);
        Path file = Path.of(flags.points);
        List<String> ofPoints = new ArrayList<>();
        List<ScalingPoint> points = PointsFile.read(file, ofPoints::add);
        if (points.size() > MOST_POINTS) {
            throw new ConfigException(String.format(
                    Locale.ROOT,
                    "%s has %,d points; a fit takes at most %,d: one for each training, the loss at its end; leave"
                            + " out the losses on the way",
                    file,
                    points.size(),
                    MOST_POINTS));
        }
        if (flags.flops.equals(SweepFlags.SIX_ND)) {
            points = points.stream().map(ScalingPoint::withSixNd).toList();
        }
        Path output = flags.output.isEmpty() ? file.resolveSibling("fit") : Path.of(flags.output);
        Path result = output.resolve(FitResult.FILE);
        if (Files.exists(result) && !flags.output.isEmpty() && !flags.force) {
            throw new ConfigException(result + " is there already; choose another --output, or give --force");
        }
        List<ScalingPoint> best = best(points);
        ScalingFit fit = new ScalingFit(best);
        try {
            Files.createDirectories(output);
        } catch (IOException e) {
            throw new ConfigException(
                    "--output " + output + " cannot be written (" + e + "); choose another folder", e);
        }
        int samples = flags.samples > 0 ? flags.samples : samplesFor(best.size());
        FitResult found = fit.result(samples, flags.seed);
        found.remarks().addAll(ofPoints);
        found.remarks().addAll(missing(file));
        found.remarks().addAll(atTheEdge(points, best));
        boolean isReplaced = Files.exists(result);
        found.write(output);
        System.out.print(ScalingFit.text(found));
        System.out.println((isReplaced ? "written anew to " : "written to ") + result);
        return 0;
    }

    /** A fit takes about as long whatever the number of points, from some number on. */
    private static int samplesFor(int points) {
        return Math.clamp(MOST_SAMPLES * MANY_POINTS / points, LEAST_SAMPLES, MOST_SAMPLES);
    }

    /**
     * Of trainings that differ only in learning rate or batch the one with the lowest loss: a law is of what size and
     * data can do.
     */
    static List<ScalingPoint> best(List<ScalingPoint> points) {
        return points.stream()
                .filter(point -> points.stream().noneMatch(other -> isBetter(other, point)))
                .toList();
    }

    private static boolean isBetter(ScalingPoint one, ScalingPoint other) {
        boolean isSame = !one.model().isEmpty()
                && one.model().equals(other.model())
                && one.captionModel().equals(other.captionModel())
                && Math.abs(Math.log(one.d() / other.d())) < Measured.SAME / 2;
        return isSame && one.loss() < other.loss();
    }

    /** What a sweep planned and does not have. */
    private static List<String> missing(Path points) throws IOException {
        SweepFolder sweep = SweepFolder.around(points);
        if (!sweep.isSweep() || !sweep.points().equals(points.toAbsolutePath().normalize())) {
            return List.of();
        }
        String missing = sweep.plan().stream()
                .filter(point -> !sweep.isMeasured(point))
                .map(PlannedPoint::name)
                .collect(Collectors.joining(", "));
        return missing.isEmpty() ? List.of() : List.of("points of the sweep that are not there: " + missing);
    }

    /** Where the best learning rate or batch is the last that was tried, a better one may lie beyond. */
    private static List<String> atTheEdge(List<ScalingPoint> all, List<ScalingPoint> best) {
        long edges = best.stream()
                .filter(point -> isAtTheEdge(all, point, ScalingPoint::learningRate)
                        || isAtTheEdge(all, point, ScalingPoint::microbatches))
                .count();
        return edges == 0
                ? List.of()
                : List.of(edges + " of " + best.size()
                        + " points are best with the largest or smallest learning rate or batch"
                        + " that was tried; try more");
    }

    private static boolean isAtTheEdge(
            List<ScalingPoint> all, ScalingPoint best, ToDoubleFunction<ScalingPoint> value) {
        DoubleSummaryStatistics tried = all.stream()
                .filter(other -> other == best || isBetter(best, other))
                .mapToDouble(value)
                .summaryStatistics();
        double chosen = value.applyAsDouble(best);
        return tried.getMin() < tried.getMax() && (chosen == tried.getMin() || chosen == tried.getMax());
    }
}
