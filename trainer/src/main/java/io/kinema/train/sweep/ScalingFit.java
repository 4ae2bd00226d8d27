package io.kinema.train.sweep;

import io.kinema.data.command.ConfigException;
import io.kinema.data.command.ProgressDisplay;
import io.kinema.data.order.Philox;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import me.tongfei.progressbar.ProgressBar;
import org.apache.commons.math3.distribution.NormalDistribution;
import org.apache.commons.math3.distribution.TDistribution;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.QRDecomposition;
import org.apache.commons.math3.linear.SingularValueDecomposition;

/**
 * Fits scaling laws to points, and says how sure they are.
 *
 * <p>Intervals come from two bootstraps, and the wider one of both counts. The bootstrap of residuals takes points that
 * the fitted law might as well have given: its losses with errors drawn from those of the points, to which every method
 * is applied again. Sizes and budgets stay as they are. Errors are those of least squares, as the Huber fit goes
 * through some points exactly; they are scaled by 1/√(1 − leverage) and by the ratio of Student's quantile to the
 * normal one (Davison and Hinkley, Bootstrap Methods and their Application, 1997, sections 6.2.3 and 6.3.2), for points
 * that are few. It takes the errors of all points for equally large. Those of real trainings are not: the bootstrap of
 * pairs draws points, each with its error (Freedman, Ann. Stat. 9, 1981), and fits the law again. Methods that need
 * several points of a budget or a size cannot be applied to points that are drawn; for them each point keeps its place
 * and its error, whose sign is drawn (the wild bootstrap: Wu, Ann. Stat. 14, 1986; Davidson and Flachaire, J.
 * Econometrics 146, 2008).
 */
final class ScalingFit {
    /** Five numbers are fitted; with fewer points than this errors cannot be told. */
    static final int MIN_POINTS = 8;

    private static final int MIN_EACH = 3;
    private static final double LARGEST_LEVERAGE = 0.99;
    private static final double UPPER_TAIL = 0.975;

    /** What is drawn, in keys of random numbers. */
    private static final int RESIDUALS = 0;

    private static final int PAIRS = 1;
    private static final int SIGNS = 2;

    private final List<ScalingPoint> points;
    private final Measured measured;
    private final Estimator estimator;
    private final Lbfgs.Minimum minimum;
    private final PowerLaw law;

    /**
     * Fits.
     *
     * @param points at least eight, of three sizes and three numbers of tokens
     * @throws ConfigException if they are fewer, or all of one budget
     */
    ScalingFit(List<ScalingPoint> points) {
        this.points = List.copyOf(points);
        this.measured = Measured.of(points);
        long sizes = Measured.distinct(measured.logN());
        long tokens = Measured.distinct(measured.logD());
        if (points.size() < MIN_POINTS || sizes < MIN_EACH || tokens < MIN_EACH) {
            throw new ConfigException("a fit of L(N, D) needs at least " + MIN_POINTS + " points of " + MIN_EACH
                    + " sizes and " + MIN_EACH + " numbers of tokens; there are " + points.size() + " points of "
                    + sizes + " sizes and " + tokens + " numbers of tokens; add trainings to the sweep");
        }
        double[] logC = Arrays.stream(measured.logC()).sorted().toArray();
        if (logC[logC.length - 1] - logC[0] < Measured.SAME) {
            throw new ConfigException(String.format(
                    Locale.ROOT,
                    "all points have one budget (C %.4g to %.4g), where more data always means a smaller model: what"
                            + " each does cannot be told apart; add points of other budgets",
                    Math.exp(logC[0]),
                    Math.exp(logC[logC.length - 1])));
        }
        this.estimator = new Estimator(measured);
        this.minimum = estimator.law().fromGrid();
        this.law = estimator.law().law(minimum.x());
    }

    /**
     * Finds intervals and all else.
     *
     * @param samples of the bootstrap
     * @param seed of it
     * @return the same for the same points, samples and seed, however many threads there are
     */
    FitResult result(int samples, long seed) {
        double[][] found = bootstrap(samples, seed);
        Map<Quantity, Interval> estimates = estimates(found);
        double[] fitted = fitted();
        double[][] lawSamples = Arrays.stream(found)
                .map(each -> Arrays.copyOf(each, Quantity.BETA.ordinal() + 1))
                .toArray(double[][]::new);
        FitResult.Quality quality = quality();
        FitResult.LeftOut leftOut = leaveLargestOut();
        Optional<Allocation> isoFlop = estimator.isoFlop().fit(measured.logLoss());
        Optional<Allocation> curves = estimator.curves().fit(measured.logLoss());
        FitResult result = new FitResult(
                points,
                fitted,
                estimator.costOfToken(),
                law,
                estimates,
                quality,
                isoFlop.orElse(null),
                estimator.isoFlop().parabolas(measured.logLoss()),
                curves.orElse(null),
                leftOut,
                new ArrayList<>(),
                lawSamples,
                seed);
        result.remarks().addAll(new FitRemarks(result, estimator).all());
        return result;
    }

    /** The law's loss at each point. */
    private double[] fitted() {
        return points.stream()
                .mapToDouble(point -> law.loss(point.n(), point.d()))
                .toArray();
    }

    private double[] logFitted() {
        return Arrays.stream(fitted()).map(Math::log).toArray();
    }

    /** What is found in each of many samples of residuals, by {@link Quantity}. */
    double[][] bootstrap(int samples, long seed) {
        double[] logFitted = logFitted();
        double[] errors = errors();
        double mean = Arrays.stream(errors).average().orElseThrow();
        Philox philox = new Philox(seed);
        return sampled("Bootstrap of residuals", samples, sample -> {
            double[] logLoss = new double[errors.length];
            Arrays.setAll(
                    logLoss,
                    i -> logFitted[i]
                            + errors[philox.integer(Philox.Purpose.BOOTSTRAP, sample, RESIDUALS, i, errors.length)]
                            - mean);
            return estimator.all(logLoss, minimum.x());
        });
    }

    /** The same where errors differ from point to point: the law by pairs, all else by signs of errors. */
    double[][] unequalBootstrap(int samples, long seed) {
        double[] logFitted = logFitted();
        double[] errors = errors();
        Philox philox = new Philox(seed);
        return sampled("Bootstrap of pairs", samples, sample -> {
            double[] logLoss = new double[errors.length];
            int[] drawn = new int[errors.length];
            for (int i = 0; i < errors.length; i++) {
                boolean isKept = philox.integer(Philox.Purpose.BOOTSTRAP, sample, SIGNS, i, 2) == 0;
                logLoss[i] = logFitted[i] + (isKept ? errors[i] : -errors[i]);
                drawn[i] = philox.integer(Philox.Purpose.BOOTSTRAP, sample, PAIRS, i, errors.length);
            }
            double[] found = estimator.all(logLoss, minimum.x());
            estimator.lawInto(found, drawn, law);
            return found;
        });
    }

    private static double[][] sampled(String name, int samples, IntFunction<double[]> sample) {
        double[][] found = new double[samples][];
        try (ProgressBar bar = ProgressDisplay.bar(name, "samples", samples)) {
            IntStream.range(0, samples).parallel().forEach(i -> {
                found[i] = sample.apply(i);
                bar.step();
            });
        }
        return found;
    }

    /** Of each point. */
    private double[] errors() {
        HuberFit leastSquares = estimator.law().leastSquares();
        double[] x = Lbfgs.minimize(leastSquares, minimum.x(), HuberFit.GRADIENT_TOLERANCE)
                .x();
        double[] errors = leastSquares.residuals(x);
        double[] leverage = leverage(leastSquares.jacobian(x));
        int degrees = errors.length - x.length;
        double widening = new TDistribution(degrees).inverseCumulativeProbability(UPPER_TAIL)
                / new NormalDistribution().inverseCumulativeProbability(UPPER_TAIL);
        for (int i = 0; i < errors.length; i++) {
            errors[i] *= widening / Math.sqrt(1 - Math.min(leverage[i], LARGEST_LEVERAGE));
        }
        return errors;
    }

    /** The diagonal of the projection onto the columns. */
    private static double[] leverage(double[][] jacobian) {
        double[][] q =
                new QRDecomposition(new Array2DRowRealMatrix(jacobian)).getQ().getData();
        return Arrays.stream(q)
                .mapToDouble(row -> Arrays.stream(row, 0, jacobian[0].length)
                        .map(each -> each * each)
                        .sum())
                .toArray();
    }

    /** Estimates and the wider one of their intervals by two bootstraps. */
    Map<Quantity, Interval> estimates(double[][] alike, double[][] unequal) {
        Map<Quantity, Interval> estimates = estimates(alike);
        estimates(unequal).forEach((quantity, interval) -> estimates.merge(quantity, interval, Interval::wider));
        return estimates;
    }

    /** Whether a bootstrap knows the law less well than another, by all its exponents and its offset. */
    private boolean isWiderOfLaw(double[][] one, double[][] other) {
        double ratio = 1;
        Map<Quantity, Interval> ofOne = estimates(one);
        Map<Quantity, Interval> ofOther = estimates(other);
        for (Quantity quantity : List.of(Quantity.E, Quantity.ALPHA, Quantity.BETA)) {
            ratio *= ofOther.get(quantity).width() / ofOne.get(quantity).width();
        }
        return ratio > 1;
    }

    /**
     * Estimates and their intervals.
     *
     * @param found in the samples of a bootstrap
     */
    private Map<Quantity, Interval> estimates(double[][] found) {
        double[] estimate = estimator.all(measured.logLoss(), minimum.x());
        double[] ofLaw = estimator.all(logFitted(), minimum.x());
        Map<Quantity, Interval> estimates = new EnumMap<>(Quantity.class);
        for (Quantity quantity : Quantity.values()) {
            int k = quantity.ordinal();
            if (Double.isNaN(estimate[k])) {
                continue;
            }
            double[] samples = Arrays.stream(found).mapToDouble(each -> each[k]).toArray();
            Interval interval = switch (quantity) {
                case ISOFLOP_N, CURVES_N ->
                    Interval.ofMovedQuantiles(estimate[k], samples, ofLaw[Quantity.LAW_N.ordinal()]);
                case ISOFLOP_D, CURVES_D ->
                    Interval.ofMovedQuantiles(estimate[k], samples, ofLaw[Quantity.LAW_D.ordinal()]);
                case KAPLAN_N, KAPLAN_D, KAPLAN_C -> Interval.ofMovedQuantiles(estimate[k], samples, ofLaw[k]);
                default -> Interval.ofQuantiles(estimate[k], samples);
            };
            estimates.put(quantity, interval);
        }
        return estimates;
    }

    private FitResult.Quality quality() {
        double[] residuals = estimator.law().residuals(minimum.x());
        double mean = Arrays.stream(measured.logLoss()).average().orElseThrow();
        double variance = Arrays.stream(measured.logLoss())
                .map(y -> (y - mean) * (y - mean))
                .sum();
        double unexplained = Arrays.stream(residuals).map(r -> r * r).sum();
        double[][] jacobian = estimator.law().jacobian(minimum.x());
        for (int k = 0; k < jacobian[0].length; k++) {
            int column = k;
            double length = Math.sqrt(Arrays.stream(jacobian)
                    .mapToDouble(row -> row[column] * row[column])
                    .sum());
            Arrays.stream(jacobian).forEach(row -> row[column] /= length);
        }
        double[] singular = new SingularValueDecomposition(new Array2DRowRealMatrix(jacobian)).getSingularValues();
        return new FitResult.Quality(
                1 - unexplained / variance,
                Math.sqrt(unexplained / (residuals.length - minimum.x().length)),
                singular[0] / singular[singular.length - 1],
                minimum.value(),
                minimum.gradientNorm());
    }

    private FitResult.LeftOut leaveLargestOut() {
        int largest = 0;
        for (int i = 1; i < points.size(); i++) {
            double more = measured.logC()[i] - measured.logC()[largest];
            // Of one budget that of the largest model.
            if (more > Measured.SAME
                    || Math.abs(more) <= Measured.SAME && measured.logN()[i] > measured.logN()[largest]) {
                largest = i;
            }
        }
        List<ScalingPoint> others = new ArrayList<>(points);
        ScalingPoint left = others.remove(largest);
        HuberFit fit = new Estimator(Measured.of(others)).law();
        double predicted = fit.law(fit.fromGrid().x()).loss(left.n(), left.d());
        return new FitResult.LeftOut(largest, predicted, predicted / left.loss() - 1);
    }

    /** A table for people. */
    static String text(FitResult result) {
        StringBuilder text = new StringBuilder();
        line(text, "%d points, N %.4g to %.4g, D %.4g to %.4g, C %.4g to %.4g", result);
        result.estimates()
                .forEach((quantity, interval) -> text.append(String.format(
                        Locale.ROOT, "%-32s %-34s %s%n", quantity.symbol(), interval.text(), quantity.meaning())));
        FitResult.Quality quality = result.quality();
        text.append(String.format(
                Locale.ROOT,
                "R² of log L %.4f, standard deviation %.3g %%, condition %.3g%n",
                quality.rSquared(),
                100 * quality.deviation(),
                quality.condition()));
        FitResult.LeftOut leftOut = result.leftOut();
        ScalingPoint left = result.points().get(leftOut.point());
        text.append(String.format(
                Locale.ROOT,
                "the others predict a loss of %.5g for the largest (N %.4g, D %.4g), which has %.5g: %+.2f %%%n",
                leftOut.predicted(),
                left.n(),
                left.d(),
                left.loss(),
                100 * leftOut.error()));
        result.remarks()
                .forEach(remark -> text.append("remark: ").append(remark).append('\n'));
        return text.toString();
    }

    private static void line(StringBuilder text, String format, FitResult result) {
        double[] n =
                result.points().stream().mapToDouble(ScalingPoint::n).sorted().toArray();
        double[] d =
                result.points().stream().mapToDouble(ScalingPoint::d).sorted().toArray();
        double[] c =
                result.points().stream().mapToDouble(ScalingPoint::c).sorted().toArray();
        int last = n.length - 1;
        text.append(String.format(Locale.ROOT, format, n.length, n[0], n[last], d[0], d[last], c[0], c[last]))
                .append('\n');
    }
}
