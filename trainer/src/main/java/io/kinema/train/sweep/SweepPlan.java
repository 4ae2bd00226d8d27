package io.kinema.train.sweep;

import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.memory.Workload;
import io.kinema.train.model.DitConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Which trainings a sweep consists of: each model with each budget, learning rate and batch. */
final class SweepPlan {
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
        List<PlannedPoint> points = new ArrayList<>();
        for (String shape : shapes) {
            DitConfig model = config(shape);
            for (double amount : flags.amounts()) {
                double tokens = flags.isByBudget() ? amount / costOfToken(model) : amount;
                for (int batch : flags.batches()) {
                    double growth = Math.pow(tokens / flags.baseTokens, flags.batchExponent);
                    int microbatches = (int) Math.max(1, Math.round(batch * growth));
                    for (double rate : flags.learningRates()) {
                        // With all that may be swept, so that longer lists leave names as they are.
                        String name = String.format(
                                "%s-%s%s-lr%s-v%d",
                                shape, flags.isByBudget() ? "c" : "d", text(amount), text(rate), batch);
                        points.add(point(name, model, tokens, microbatches, rate));
                    }
                }
            }
        }
        points.stream()
                .collect(Collectors.groupingBy(PlannedPoint::name, Collectors.counting()))
                .forEach((name, count) -> {
                    if (count > 1) {
                        throw new ConfigException(count + " points would be " + name
                                + ", as numbers in names have three digits; leave out what is nearly the same");
                    }
                });
        points.sort(PlannedPoint.BY_COST);
        return points;
    }

    private DitConfig config(String shape) {
        return DitConfig.parse(shape, flags.captionModel)
                .withPatch(workload.model().tokens().patch());
    }

    private PlannedPoint point(String name, DitConfig model, double wanted, int microbatches, double rate) {
        if (microbatches < flags.nodes) {
            throw new ConfigException(name + " would have " + microbatches + " microbatches a step, fewer than --nodes "
                    + flags.nodes + "; give more --microbatches, or fewer --nodes");
        }
        long steps = Math.round(wanted / (microbatches * workload.tokensOfMicrobatch()));
        if (steps < LEAST_STEPS) {
            throw new ConfigException(name + " would have " + steps + " steps of " + microbatches
                    + " microbatches with " + Math.round(workload.tokensOfMicrobatch())
                    + " tokens each; give it a larger budget, or fewer --microbatches or --train \"--tokens …\"");
        }
        double tokens = steps * microbatches * workload.tokensOfMicrobatch();
        double scale = Math.pow(model.width() / (double) flags.baseWidth, flags.learningRateExponent);
        return new PlannedPoint(
                name,
                model.depth() + "x" + model.width() + "x" + model.heads(),
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
                : String.format(Locale.ROOT, "%.3g", number).replaceAll("\\.?0*e\\+?", "e");
    }
}
