package io.kinema.train.sweep;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** What to know before believing a fit. */
final class FitRemarks {
    private static final double NO_EFFECT = 0.002;
    private static final double FLAT = 0.02;
    private static final double STEEP = 2;
    private static final double WORST_CONDITION = 1000;
    private static final double LEAST_R_SQUARED = 0.95;
    private static final double LARGEST_ERROR = 0.03;
    private static final double NO_OFFSET = 0.01;
    private static final double OUTLIER = 3;

    /** E, A, α, B and β. */
    private static final int FITTED = 5;

    /** A normal error is as often within as beyond so many standard deviations. */
    private static final double PROBABLE_ERROR = 0.6745;

    private final FitResult result;
    private final Estimator estimator;
    private final List<String> remarks = new ArrayList<>();

    FitRemarks(FitResult result, Estimator estimator) {
        this.result = result;
        this.estimator = estimator;
    }

    List<String> all() {
        effects();
        bounds();
        quality();
        estimator.isoFlop().refusal().ifPresent(remarks::add);
        estimator.curves().refusal().ifPresent(remarks::add);
        if (estimator.isoFlop().refusal().isEmpty() && !result.estimates().containsKey(Quantity.ISOFLOP_N)) {
            remarks.add("fewer than three isoFLOP parabolas have their lowest point among the sizes that were tried;"
                    + " add smaller or larger models");
        }
        if (estimator.curves().refusal().isEmpty() && result.curves() == null) {
            remarks.add(
                    "the smallest or the largest model is the best for nearly every cost, so the minimum over curves"
                            + " says nothing; add smaller or larger models");
        }
        return remarks;
    }

    /** A term that hardly differs from point to point can have any exponent. */
    private void effects() {
        for (int j = 0; j < 2; j++) {
            boolean isSize = j == 0;
            double[] x = result.points().stream()
                    .mapToDouble(isSize ? ScalingPoint::n : ScalingPoint::d)
                    .sorted()
                    .toArray();
            double a = result.law().coefficients()[j];
            double exponent = result.law().exponents()[j];
            double effect =
                    a * Math.abs(Math.pow(x[0], -exponent) - Math.pow(x[x.length - 1], -exponent)) / leastLoss();
            if (effect < Math.max(NO_EFFECT, 2 * result.quality().deviation())) {
                remarks.add(format(
                        "over the points %s moves the loss by %.2g %% only, so %s can be anything; widen their"
                                + " range of %s",
                        isSize ? "size" : "data", 100 * effect, isSize ? "α" : "β", isSize ? "N" : "D"));
            }
        }
    }

    private double leastLoss() {
        return result.points().stream().mapToDouble(ScalingPoint::loss).min().orElseThrow();
    }

    private void bounds() {
        for (Quantity exponent : List.of(Quantity.ALPHA, Quantity.BETA)) {
            Interval interval = result.estimates().get(exponent);
            String what = exponent == Quantity.ALPHA ? "size" : "data";
            if (interval.low() < FLAT) {
                remarks.add(format(
                        "%s is %s: the points do not tell whether more %s helps; widen their range of %s",
                        exponent.symbol(), interval.text(), what, exponent == Quantity.ALPHA ? "N" : "D"));
            } else if (interval.high() > STEEP) {
                remarks.add(format(
                        "%s is %s: beyond the smallest points the loss hardly depends on %s; %s",
                        exponent.symbol(),
                        interval.text(),
                        what,
                        "add points where it does, or leave out those of too little"));
            }
        }
        Interval offset = result.estimates().get(Quantity.E);
        if (offset.low() < NO_OFFSET * leastLoss()) {
            remarks.add(format(
                    "E is %s: the points do not tell it from 0, and what is said of much larger models depends on it",
                    offset.text()));
        }
    }

    private void quality() {
        FitResult.Quality quality = result.quality();
        if (quality.gradientNorm() > HuberFit.GRADIENT_TOLERANCE) {
            remarks.add(format(
                    "the search ended with a gradient of %.2g, above %.0g",
                    quality.gradientNorm(), HuberFit.GRADIENT_TOLERANCE));
        }
        if (quality.condition() > WORST_CONDITION) {
            remarks.add(format(
                    "condition %.3g: some combination of E, A, α, B and β is hardly determined; losses within"
                            + " the points' range are, exponents may not be",
                    quality.condition()));
        }
        if (quality.rSquared() < LEAST_R_SQUARED) {
            remarks.add(format(
                    "R² of log L is %.4f, below %.2f; farthest from the law: %s",
                    quality.rSquared(), LEAST_R_SQUARED, farthest()));
        }
        outliers();
        if (Math.abs(result.leftOut().error()) > LARGEST_ERROR) {
            remarks.add(format(
                    "the largest point is predicted with an error of %+.1f %% by the others; larger ones will"
                            + " be predicted no better",
                    100 * result.leftOut().error()));
        }
    }

    private double residual(int point) {
        return Math.log(result.points().get(point).loss() / result.fitted()[point]);
    }

    private String farthest() {
        return IntStream.range(0, result.points().size())
                .boxed()
                .sorted((i, j) -> Double.compare(Math.abs(residual(j)), Math.abs(residual(i))))
                .limit(3)
                .map(this::text)
                .reduce((one, other) -> one + ", " + other)
                .orElseThrow();
    }

    /**
     * By the median of absolute residuals, which outliers do not move; without those of the points that the law goes
     * through, as a Huber fit does.
     */
    private void outliers() {
        double[] sizes = IntStream.range(0, result.points().size())
                .mapToDouble(i -> Math.abs(residual(i)))
                .sorted()
                .skip(FITTED)
                .toArray();
        double deviation = sizes[sizes.length / 2] / PROBABLE_ERROR;
        IntStream.range(0, result.points().size())
                .filter(i -> Math.abs(residual(i)) > OUTLIER * Math.max(deviation, HuberFit.DELTA))
                .forEach(i -> remarks.add("an outlier: " + text(i) + "; look at its training"));
    }

    private String text(int point) {
        ScalingPoint each = result.points().get(point);
        return format(
                "%sN %.4g, D %.4g: %+.2f %%",
                each.run().isEmpty() ? "" : each.run() + ", ", each.n(), each.d(), 100 * residual(point));
    }

    private static String format(String text, Object... values) {
        return String.format(Locale.ROOT, text, values);
    }
}
