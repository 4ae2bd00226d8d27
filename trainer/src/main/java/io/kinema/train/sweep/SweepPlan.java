package io.kinema.train.sweep;

import io.kinema.data.CommandLine;
import io.kinema.data.ConfigException;
import io.kinema.train.Workload;
import io.kinema.train.model.DitConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** Which trainings a sweep consists of: each model with each budget, learning rate and batch. */
final class SweepPlan {
    private static final double MOST = 1e30;
    private static final int LEAST_STEPS = 10;

    private final SweepFlags flags;
    private final Workload workload;

    SweepPlan(SweepFlags flags, Workload workload) {
        this.flags = flags;
        this.workload = workload;
    }

    /**
     * Plans.
     *
     * @return the cheapest trainings first
     * @throws ConfigException on a mistake in the flags
     */
    static List<PlannedPoint> of(SweepFlags flags) throws IOException {
        List<String> shapes = flags.modelShapes();
        return new SweepPlan(flags, Workload.of(flags.trainArgs(shapes.getFirst()))).points(shapes);
    }

    List<PlannedPoint> points(List<String> shapes) {
        boolean isBudget = !flags.budgets.isEmpty();
        List<Double> amounts = isBudget
                ? SweepFlags.numbers("--budgets", flags.budgets, 1, MOST)
                : SweepFlags.numbers("--token-counts", flags.tokenCounts, 1, MOST);
        List<Double> learningRates = SweepFlags.numbers("--learning-rates", flags.learningRates, 1e-9, 10);
        List<Integer> batches = SweepFlags.wholeNumbers("--microbatches", flags.microbatches, 1, 1 << 20);
        double fewest = Double.POSITIVE_INFINITY;
        for (String shape : shapes) {
            DitConfig model = config(shape);
            fewest = Math.min(fewest, isBudget ? amounts.getFirst() / costOfToken(model) : amounts.getFirst());
        }
        List<PlannedPoint> points = new ArrayList<>();
        for (String shape : shapes) {
            DitConfig model = config(shape);
            for (double amount : amounts) {
                double tokens = isBudget ? amount / costOfToken(model) : amount;
                for (int batch : batches) {
                    int microbatches =
                            (int) Math.max(1, Math.round(batch * Math.pow(tokens / fewest, flags.batchExponent)));
                    long steps = Math.round(tokens / (microbatches * workload.tokensOfMicrobatch()));
                    for (double rate : learningRates) {
                        StringBuilder name = new StringBuilder(shape)
                                .append(isBudget ? "-c" : "-d")
                                .append(text(amount));
                        if (learningRates.size() > 1) {
                            name.append("-lr").append(text(rate));
                        }
                        if (batches.size() > 1) {
                            name.append("-v").append(batch);
                        }
                        points.add(point(name.toString(), shape, model, steps, microbatches, rate));
                    }
                }
            }
        }
        points.sort(Comparator.comparingDouble(PlannedPoint::flops).thenComparing(PlannedPoint::name));
        return points;
    }

    private DitConfig config(String shape) {
        return DitConfig.parse(shape, flags.captionModel)
                .withPatch(workload.model().patch());
    }

    private PlannedPoint point(String name, String shape, DitConfig model, long steps, int microbatches, double rate) {
        if (steps < LEAST_STEPS) {
            throw new ConfigException(name + " would have " + steps + " steps of " + microbatches
                    + " microbatches with "
                    + Math.round(workload.tokensOfMicrobatch()) + " tokens each; give it a larger budget, or fewer"
                    + " --microbatches or --train \"--tokens …\"");
        }
        double tokens = steps * microbatches * workload.tokensOfMicrobatch();
        double scale = Math.pow(model.width() / (double) flags.baseWidth, flags.learningRateExponent);
        return new PlannedPoint(
                name,
                shape,
                Workload.parameters(model),
                tokens,
                tokens * costOfToken(model),
                steps,
                microbatches,
                // As it is written on the command line.
                Double.parseDouble(String.format(Locale.ROOT, "%.4g", rate * scale)));
    }

    private double costOfToken(DitConfig model) {
        return flags.flops.equals(SweepFlags.SIX_ND)
                ? 6.0 * Workload.parameters(model)
                : workload.flopsOfMicrobatch(model) / workload.tokensOfMicrobatch();
    }

    /** Short and without what is special in names of files. */
    static String text(double number) {
        return number >= 1e-3 && number < 1e4
                ? CommandLine.number(number)
                : String.format(Locale.ROOT, "%.3g", number)
                        .replaceAll("\\.?0*e\\+?0*", "e")
                        .replace("e-0", "e-");
    }
}
