package io.kinema.train.sweep;

import com.beust.jcommander.Parameter;
import com.beust.jcommander.ParametersDelegate;
import io.kinema.data.clip.Patch;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.command.OutputFile;
import io.kinema.train.memory.Workload;
import io.kinema.train.metrics.GpuFlags;
import io.kinema.train.model.DitConfig;
import io.kinema.train.run.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** {@code launch/sweep.sh recommend}: what to train for a budget. */
final class RecommendCommand {
    private static final String SUMMARY = """
            says what size and how much data are best for a budget by a fit, and what loss to expect

            In brackets 95 % intervals of the fit's bootstrap. They say how well the law is known, not whether \
            it holds so far
            from the points; how far that is, is said too.\
            """;
    private static final int MOST_WIDTH = 1 << 15;

    private static final class Flags {
        @Parameter(
                names = "--fit",
                order = 0,
                required = true,
                description =
                        "Folder that fit has written; sizes, batch and learning rate follow the sweep that it lies in")
        private String fit = "";

        @Parameter(names = "--flops", order = 1, description = "The budget: floating point operations, such as 1e21")
        private double flops;

        @Parameter(names = "--gpu-hours", order = 2, description = "The budget: hours of one --gpu at --utilisation")
        private double gpuHours;

        @Parameter(names = "--target-loss", order = 3, description = "In place of a budget: the loss to reach")
        private double targetLoss;

        @Parameter(
                names = "--patch",
                order = 4,
                description = "Pixels of a token, frames x rows x columns; the sweep's, or 2x8x8, if absent")
        private String patch = "";

        @Parameter(
                names = "--output",
                order = 5,
                description = "File for flags of launch/train.sh, such as sweeps/mine/next.args")
        private String output = "";

        @Parameter(names = "--force", order = 6, description = "Replace the file --output if there is one")
        private boolean force;

        @ParametersDelegate
        private final GpuFlags gpu = new GpuFlags();
    }

    private final Flags flags;
    private final FitResult fit;
    private final List<Budget> samples;
    private final SweepFlags sweep;
    private final StringBuilder text = new StringBuilder();

    private RecommendCommand(Flags flags) throws IOException {
        this.flags = flags;
        this.fit = FitResult.read(Path.of(flags.fit));
        this.samples = fit.divisible();
        this.sweep = sweepOf(Path.of(flags.fit));
    }

    static int run(String... args) throws IOException {
        Flags flags = new Flags();
        if (!new CommandLine(SweepCommand.PROGRAM + " recommend", SUMMARY, flags).parse(args)) {
            return 0;
        }
        long given = List.of(flags.flops, flags.gpuHours, flags.targetLoss).stream()
                .filter(each -> each != 0)
                .count();
        if (given != 1) {
            throw new ConfigException("give one of --flops, --gpu-hours and --target-loss, such as --flops 1e21");
        }
        CommandLine.requireRange("--flops", flags.flops, 0, 1e40);
        CommandLine.requireRange("--gpu-hours", flags.gpuHours, 0, 1e15);
        CommandLine.requireRange("--target-loss", flags.targetLoss, 0, 1e9);
        flags.gpu.check();
        if (!flags.output.isEmpty()) {
            OutputFile.requireNew("--output", Path.of(flags.output), flags.force);
        }
        new RecommendCommand(flags).run();
        return 0;
    }

    /** The flags of the sweep whose folder the fit is in; defaults where it is in none. */
    private static SweepFlags sweepOf(Path fit) {
        SweepFolder folder = SweepFolder.around(fit);
        return folder.isSweep() ? folder.storedFlags() : new SweepFlags();
    }

    private void run() throws IOException {
        Budget budget = new Budget(fit.law(), fit.costOfToken());
        if (!budget.isDivisible()) {
            throw new ConfigException(
                    "by this fit size or data do not help (α " + fit.law().exponents()[0] + ", β "
                            + fit.law().exponents()[1] + "), so that no division of a budget is best; fit more points");
        }
        double flops = flops(budget);
        if (Double.isInfinite(flops)) {
            throw new ConfigException("--target-loss " + flags.targetLoss
                    + " is not reached with any budget: by the fit E is "
                    + fit.estimates().get(Quantity.E).text() + "; choose a higher loss");
        }
        Budget.Division best = budget.best(flops);
        line("operations C", flops, interval(flops, this::flops));
        line(
                "parameters N",
                best.n(),
                interval(best.n(), each -> each.best(flops).n()));
        line("tokens D", best.d(), interval(best.d(), each -> each.best(flops).d()));
        line(
                "expected loss",
                best.loss(),
                interval(best.loss(), each -> each.law().loss(best.n(), best.d())));
        text.append(String.format(Locale.ROOT, "%-16s %s%n", "time", flags.gpu.text(flops, 1)));
        double most = fit.points().stream().mapToDouble(ScalingPoint::c).max().orElseThrow();
        text.append(String.format(Locale.ROOT, "that is %.3g times the largest point's operations%n", flops / most));
        int indivisible = fit.lawSamples().length - samples.size();
        if (indivisible > 0) {
            text.append(String.format(
                    Locale.ROOT,
                    "%d of the bootstrap's %d samples have no best division; intervals are those of the others%n",
                    indivisible,
                    fit.lawSamples().length));
        }
        String args = training(best);
        System.out.print(text);
        fit.remarks().forEach(remark -> System.out.println("remark on the fit: " + remark));
        if (!flags.output.isEmpty()) {
            Files.writeString(Path.of(flags.output), args);
            System.out.println("launch/train.sh @" + flags.output + " trains it");
        }
    }

    /** The budget, or what the loss to reach takes by a law. */
    private double flops(Budget law) {
        if (flags.targetLoss > 0) {
            return law.flopsFor(flags.targetLoss);
        }
        return flags.flops > 0 ? flags.flops : flags.gpuHours * flags.gpu.flopsPerHour();
    }

    private Interval interval(double estimate, ToDoubleFunction<Budget> value) {
        return Interval.ofQuantiles(
                estimate, samples.stream().mapToDouble(value).toArray());
    }

    private void line(String what, double value, Interval interval) {
        text.append(
                interval.low() == interval.high()
                        ? String.format(Locale.ROOT, "%-16s %.4g%n", what, value)
                        : String.format(Locale.ROOT, "%-16s %s%n", what, interval.text()));
    }

    /** The training nearest to a division, as flags. */
    private String training(Budget.Division best) {
        List<String> train = SweepFlags.words(sweep.train);
        Patch patch = flags.patch.isEmpty() ? Workload.patch(train) : Patch.parse(flags.patch);
        String shape = nearest(best.n(), patch);
        DitConfig model = DitConfig.parse(shape, sweep.captionModel).withPatch(patch);
        double n = Workload.parameters(model);
        double tokens = best.flops() / costOfToken(model, n);
        double loss = fit.law().loss(n, tokens);
        List<String> args = new ArrayList<>(train);
        args.addAll(List.of("--model", shape, "--caption-model", sweep.captionModel));
        if (!flags.patch.isEmpty() || !args.contains("--patch")) {
            args.addAll(List.of("--patch", patch.toString()));
        }
        text.append(String.format(
                Locale.ROOT,
                "nearest model    %s (width over depth %d, heads of %d), %,.0f parameters, %.4g tokens,"
                        + " expected loss %.5g%n",
                shape,
                sweep.aspectRatio,
                sweep.headWidth,
                n,
                tokens,
                loss));
        args.addAll(steps(args, model.width(), tokens));
        return "# For " + String.format(Locale.ROOT, "%.4g", best.flops()) + " operations: expected loss "
                + String.format(Locale.ROOT, "%.5g", loss) + "\n" + CommandLine.argsFile(args);
    }

    /** Of a model: counted where the sweep's data are there to count by, else by the fit's line over sizes. */
    private double costOfToken(DitConfig model, double n) {
        boolean isCounted = !sweep.data.isEmpty() && sweep.flops.equals(SweepFlags.EXACT) && flags.patch.isEmpty();
        if (isCounted) {
            try {
                Workload workload =
                        Workload.of(sweep.trainArgs(sweep.modelShapes().getFirst()));
                return workload.flopsOfMicrobatch(model) / workload.tokensOfMicrobatch();
            } catch (ConfigException | IOException e) {
                text.append("the sweep's data cannot be read, so a token's cost is that of other sizes: ")
                        .append(e.getMessage())
                        .append('\n');
            }
        }
        return Math.exp(fit.costOfToken().at(Math.log(n)));
    }

    /**
     * Flags for so many tokens: by the rules of the sweep from what was best at its points, or by the defaults of
     * {@code launch/train.sh} where points do not say how they were trained.
     */
    private List<String> steps(List<String> args, int width, double tokens) {
        List<ScalingPoint> trainings = fit.points().stream()
                .filter(ScalingPoint::isTraining)
                .sorted(Comparator.comparingDouble(ScalingPoint::c))
                .toList();
        if (trainings.isEmpty()) {
            text.append("training         the points do not say how they were trained, so the batch and the learning"
                    + " rate are launch/train.sh's defaults\n");
            Recipe recipe = Workload.recipe(args);
            int ofMicrobatch = recipe.tokens();
            while (tokens / ofMicrobatch > Recipe.MOST_OF_A_RUN && ofMicrobatch <= Recipe.MOST_TOKENS / 2) {
                ofMicrobatch *= 2;
            }
            List<String> flags = new ArrayList<>(steps(tokens, recipe.microbatches(), ofMicrobatch));
            flags.addAll(List.of("--tokens", Integer.toString(ofMicrobatch)));
            return flags;
        }
        ScalingPoint typical = trainings.get(trainings.size() / 2);
        double growth = Math.pow(tokens / typical.d(), sweep.batchExponent);
        double tokensOfMicrobatch = typical.d() / ((double) typical.steps() * typical.microbatches());
        // The median of the points' rates, brought to one width.
        double[] atBase = trainings.stream()
                .mapToDouble(point -> point.learningRate()
                        / scale(Integer.parseInt(point.model().split("x")[1])))
                .sorted()
                .toArray();
        double rate = atBase[atBase.length / 2] * scale(width);
        List<String> flags =
                new ArrayList<>(steps(tokens, Math.round(typical.microbatches() * growth), tokensOfMicrobatch));
        text.append(String.format(Locale.ROOT, "                 learning rate %.4g%n", rate));
        flags.addAll(List.of("--learning-rate", String.format(Locale.ROOT, "%.4g", rate)));
        return flags;
    }

    private List<String> steps(double tokens, long wishedMicrobatches, double tokensOfMicrobatch) {
        long microbatches = Math.clamp(wishedMicrobatches, 1, Recipe.MOST_MICROBATCHES);
        long steps = Math.max(1, Math.round(tokens / (microbatches * tokensOfMicrobatch)));
        if (steps > Recipe.MOST_OF_A_RUN / microbatches) {
            throw new ConfigException(String.format(
                    Locale.ROOT,
                    "%.4g tokens take %.4g microbatches of %.0f tokens, more than the %,d that a run may have;"
                            + " give a smaller budget, or fit points with more --tokens",
                    tokens,
                    tokens / tokensOfMicrobatch,
                    tokensOfMicrobatch,
                    Recipe.MOST_OF_A_RUN));
        }
        text.append(String.format(
                Locale.ROOT,
                "training         %,d steps of %,d microbatch%s with %,.0f tokens each%n",
                steps,
                microbatches,
                microbatches == 1 ? "" : "es",
                tokensOfMicrobatch));
        return List.of("--steps", Long.toString(steps), "--microbatches", Long.toString(microbatches));
    }

    /** The shape by the sweep's rule whose parameters are nearest. */
    private String nearest(double n, Patch patch) {
        int low = 1;
        int high = MOST_WIDTH / sweep.headWidth;
        while (low < high) {
            int middle = (low + high) / 2;
            if (parameters(middle, patch) < n) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        // The first that is as large, or the one before.
        double above = distance(low, n, patch);
        int heads = low > 1 && distance(low - 1, n, patch) < above ? low - 1 : low;
        if (parameters(heads, patch) < n / 2) {
            throw new ConfigException(String.format(
                    Locale.ROOT,
                    "the best model has %.4g parameters; the largest by the sweep's rule, %s, has %.4g; give a smaller"
                            + " budget",
                    n,
                    shape(heads),
                    parameters(heads, patch)));
        }
        return shape(heads);
    }

    private String shape(int heads) {
        return SweepFlags.shape(heads * sweep.headWidth, sweep.aspectRatio, sweep.headWidth);
    }

    private double parameters(int heads, Patch patch) {
        return Workload.parameters(
                DitConfig.parse(shape(heads), sweep.captionModel).withPatch(patch));
    }

    private double distance(int heads, double n, Patch patch) {
        return Math.abs(Math.log(parameters(heads, patch) / n));
    }

    private double scale(int width) {
        return Math.pow(width / (double) sweep.baseWidth, sweep.learningRateExponent);
    }
}
