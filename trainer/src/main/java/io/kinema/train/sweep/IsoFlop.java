package io.kinema.train.sweep;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.QRDecomposition;
import org.apache.commons.math3.linear.RealMatrix;

/**
 * The second method of Hoffmann et al. (2203.15556, section 3.2): trainings of the same cost, a parabola of loss over
 * log N and another over log D through them, the lowest points of which are the best division of that cost. A loss is
 * no parabola: where trainings reach far to both sides, or farther to one, exponents are off by more than noise
 * ({@link Estimator} takes that off).
 */
final class IsoFlop {
    private static final int MIN_SIZES = 3;
    private static final int MIN_BUDGETS = 3;

    private final List<Budget> budgets;

    /**
     * Trainings of one cost.
     *
     * @param points which, by size
     * @param logC their mean cost
     * @param logN of which the first parabola is a function
     * @param logD of which the second is
     * @param overN from losses to the parabola over log N, less its mean: constant, slope, curvature
     * @param overD the same over log D
     */
    private record Budget(
            int[] points, double logC, double[] logN, double[] logD, RealMatrix overN, RealMatrix overD) {}

    /**
     * A parabola through losses of one budget, for plots.
     *
     * @param points which they are
     * @param logC the budget
     * @param centre of log N
     * @param coefficients of the powers of log N less the centre
     * @param lowest log N of the smallest model
     * @param highest of the largest
     */
    record Parabola(int[] points, double logC, double centre, double[] coefficients, double lowest, double highest) {
        double at(double logN) {
            double u = logN - centre;
            return coefficients[0] + u * (coefficients[1] + u * coefficients[2]);
        }
    }

    IsoFlop(Measured points) {
        this.budgets = budgets(points);
    }

    private static List<Budget> budgets(Measured points) {
        int[] byCost = IntStream.range(0, points.size())
                .boxed()
                .sorted(Comparator.comparingDouble(i -> points.logC()[i]))
                .mapToInt(Integer::intValue)
                .toArray();
        List<Budget> budgets = new ArrayList<>();
        int from = 0;
        for (int i = 1; i <= byCost.length; i++) {
            if (i == byCost.length || points.logC()[byCost[i]] - points.logC()[byCost[from]] > Measured.SAME) {
                int[] group = Arrays.stream(byCost, from, i)
                        .boxed()
                        .sorted(Comparator.comparingDouble(k -> points.logN()[k]))
                        .mapToInt(Integer::intValue)
                        .toArray();
                double[] logN = at(points.logN(), group);
                if (Measured.distinct(logN) >= MIN_SIZES) {
                    double[] logD = at(points.logD(), group);
                    budgets.add(new Budget(
                            group, mean(at(points.logC(), group)), logN, logD, parabola(logN), parabola(logD)));
                }
                from = i;
            }
        }
        return budgets;
    }

    private static RealMatrix parabola(double[] x) {
        double centre = mean(x);
        double[][] powers = new double[x.length][];
        for (int i = 0; i < x.length; i++) {
            double u = x[i] - centre;
            powers[i] = new double[] {1, u, u * u};
        }
        return new QRDecomposition(new Array2DRowRealMatrix(powers)).getSolver().getInverse();
    }

    /** Why no exponent can be told; empty where one can. */
    Optional<String> refusal() {
        return budgets.size() >= MIN_BUDGETS
                ? Optional.empty()
                : Optional.of("isoFLOP parabolas need " + MIN_BUDGETS + " budgets with " + MIN_SIZES
                        + " model sizes each; these points have " + budgets.size());
    }

    /** The parabolas over log N, for plots. */
    List<Parabola> parabolas(double[] logLoss) {
        return budgets.stream()
                .map(budget -> new Parabola(
                        budget.points,
                        budget.logC,
                        mean(budget.logN),
                        budget.overN.operate(losses(budget, logLoss)),
                        budget.logN[0],
                        budget.logN[budget.logN.length - 1]))
                .toList();
    }

    /**
     * The exponents; empty where fewer than three parabolas have their lowest point among the sizes that were tried.
     */
    Optional<Allocation> fit(double[] logLoss) {
        List<Allocation.Optimum> optima = new ArrayList<>();
        for (Budget budget : budgets) {
            double[] losses = losses(budget, logLoss);
            double[] overN = budget.overN.operate(losses);
            double logN = lowest(overN, budget.logN);
            double logD = lowest(budget.overD.operate(losses), budget.logD);
            if (!Double.isNaN(logN) && !Double.isNaN(logD)) {
                double u = logN - mean(budget.logN);
                double loss = overN[0] + u * (overN[1] + u * overN[2]);
                optima.add(new Allocation.Optimum(budget.logC, logN, logD, loss));
            }
        }
        return optima.size() < MIN_BUDGETS ? Optional.empty() : Optional.of(Allocation.of(optima));
    }

    /** Where a parabola is lowest; NaN where that is not among what was tried. */
    private static double lowest(double[] parabola, double[] x) {
        double at = mean(x) - parabola[1] / (2 * parabola[2]);
        double least = Arrays.stream(x).min().orElseThrow();
        double most = Arrays.stream(x).max().orElseThrow();
        return parabola[2] > 0 && at >= least && at <= most ? at : Double.NaN;
    }

    private static double[] losses(Budget budget, double[] logLoss) {
        return Arrays.stream(budget.points)
                .mapToDouble(i -> Math.exp(logLoss[i]))
                .toArray();
    }

    private static double[] at(double[] values, int[] places) {
        return Arrays.stream(places).mapToDouble(i -> values[i]).toArray();
    }

    private static double mean(double[] values) {
        return Arrays.stream(values).average().orElseThrow();
    }
}
