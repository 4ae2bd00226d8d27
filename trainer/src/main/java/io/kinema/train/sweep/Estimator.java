package io.kinema.train.sweep;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.IntStream;

/** All that a fit finds, as a function of the losses alone: places, budgets and curves are those of the points. */
final class Estimator {
    private static final int MIN_FRONTIER = 4;

    private final Measured points;
    private final Line costOfToken;
    private final HuberFit law;
    private final IsoFlop isoFlop;
    private final LowestCurves curves;
    private final Optional<PowerLaw> frontierLaw;

    /**
     * Takes the points.
     *
     * @param points whose losses are replaced
     */
    Estimator(Measured points) {
        this.points = points;
        this.costOfToken = Line.through(points.logN(), logCostOfToken(points));
        this.law = new HuberFit(new double[][] {points.logN(), points.logD()}, points.logLoss(), HuberFit.DELTA);
        this.isoFlop = new IsoFlop(points);
        this.curves = new LowestCurves(points, costOfToken);
        this.frontierLaw = frontierLaw(points.logLoss(), Optional.empty());
    }

    private static double[] logCostOfToken(Measured points) {
        double[] cost = new double[points.size()];
        Arrays.setAll(cost, i -> points.logC()[i] - points.logD()[i]);
        return cost;
    }

    /** The operations of a token, log C/D over log N; 6N of the rule of thumb has slope 1. */
    Line costOfToken() {
        return costOfToken;
    }

    HuberFit law() {
        return law;
    }

    /** L∞ + k/C^γ through the lowest of the points; empty below four of them. */
    Optional<PowerLaw> frontierLaw() {
        return frontierLaw;
    }

    IsoFlop isoFlop() {
        return isoFlop;
    }

    LowestCurves curves() {
        return curves;
    }

    /**
     * Estimates everything.
     *
     * @param logLoss at the points
     * @param start where the law's search begins
     * @return by {@link Quantity}; NaN where it cannot be told
     */
    double[] all(double[] logLoss, double[] start) {
        double[] found = new double[Quantity.values().length];
        Arrays.fill(found, Double.NaN);
        HuberFit fit = law.with(logLoss);
        double[] x = Lbfgs.minimize(fit, start, HuberFit.GRADIENT_TOLERANCE).x();
        lawInto(found, fit.law(x));
        isoFlop.fit(logLoss).ifPresent(optima -> put(found, optima, Quantity.ISOFLOP_N, Quantity.ISOFLOP_D));
        lessErrorOfParabolas(found, logLoss, fit.residuals(x));
        curves.fit(logLoss).ifPresent(optima -> put(found, optima, Quantity.CURVES_N, Quantity.CURVES_D));
        kaplan(points.logN(), logLoss).ifPresent(line -> found[Quantity.KAPLAN_N.ordinal()] = -line.slope());
        kaplan(points.logD(), logLoss).ifPresent(line -> found[Quantity.KAPLAN_D.ordinal()] = -line.slope());
        kaplan(points.logC(), logLoss).ifPresent(line -> found[Quantity.KAPLAN_C.ordinal()] = -line.slope());
        frontierLaw(logLoss, frontierLaw).ifPresent(frontier -> {
            found[Quantity.FRONTIER_OFFSET.ordinal()] = frontier.offset();
            found[Quantity.FRONTIER_EXPONENT.ordinal()] = frontier.exponents()[0];
        });
        return found;
    }

    /**
     * Fits the law to some of the points.
     *
     * @param found takes what is found
     * @param drawn the points, some of them several times
     * @param start where the search begins
     */
    void lawInto(double[] found, int[] drawn, PowerLaw start) {
        HuberFit fit = new HuberFit(
                new double[][] {at(points.logN(), drawn), at(points.logD(), drawn)},
                at(points.logLoss(), drawn),
                HuberFit.DELTA);
        lawInto(
                found,
                fit.law(Lbfgs.minimize(fit, fit.place(start), HuberFit.GRADIENT_TOLERANCE)
                        .x()));
    }

    /** The law and how it divides a budget. */
    private void lawInto(double[] found, PowerLaw fitted) {
        double alpha = fitted.exponents()[0];
        double beta = fitted.exponents()[1];
        found[Quantity.E.ordinal()] = fitted.offset();
        found[Quantity.A.ordinal()] = fitted.coefficients()[0];
        found[Quantity.ALPHA.ordinal()] = alpha;
        found[Quantity.B.ordinal()] = fitted.coefficients()[1];
        found[Quantity.BETA.ordinal()] = beta;
        // Of D ∝ N^(α/β) at the best division, and C = D · N^slope: with slope 1 Hoffmann et al.'s equation 4.
        double sum = alpha + costOfToken.slope() * beta;
        found[Quantity.LAW_N.ordinal()] = beta / sum;
        found[Quantity.LAW_D.ordinal()] = alpha / sum;
    }

    /**
     * A loss is no parabola: what parabolas make of the law's own losses, whose best division is known, says how far
     * off they are.
     */
    private void lessErrorOfParabolas(double[] found, double[] logLoss, double[] residuals) {
        double[] ofLaw = new double[logLoss.length];
        Arrays.setAll(ofLaw, i -> logLoss[i] - residuals[i]);
        Optional<Allocation> optima = isoFlop.fit(ofLaw);
        found[Quantity.ISOFLOP_N.ordinal()] -=
                optima.map(each -> each.n().slope()).orElse(Double.NaN) - found[Quantity.LAW_N.ordinal()];
        found[Quantity.ISOFLOP_D.ordinal()] -=
                optima.map(each -> each.d().slope()).orElse(Double.NaN) - found[Quantity.LAW_D.ordinal()];
    }

    private static void put(double[] found, Allocation optima, Quantity n, Quantity d) {
        found[n.ordinal()] = optima.n().slope();
        found[d.ordinal()] = optima.d().slope();
    }

    /**
     * A power law without offset through the lowest losses that were reached with up to so much of something (Kaplan et
     * al., 2001.08361, section 1.2): L(N) where data did not limit, L(D) where size did not, L(C) at the best division.
     * How far that holds depends on how far the points go.
     */
    static Optional<Line> kaplan(double[] logX, double[] logLoss) {
        int[] frontier = frontier(logX, logLoss);
        return frontier.length < 3
                ? Optional.empty()
                : Optional.of(Line.through(at(logX, frontier), at(logLoss, frontier)));
    }

    /** L∞ + k/C^γ through the lowest losses over C; empty below four of them. */
    private Optional<PowerLaw> frontierLaw(double[] logLoss, Optional<PowerLaw> start) {
        int[] frontier = frontier(points.logC(), logLoss);
        if (frontier.length < MIN_FRONTIER) {
            return Optional.empty();
        }
        double[] logC = at(points.logC(), frontier);
        HuberFit fit = new HuberFit(new double[][] {logC}, at(logLoss, frontier), HuberFit.DELTA);
        Lbfgs.Minimum minimum = start.isPresent()
                ? Lbfgs.minimize(fit, fit.place(start.get()), HuberFit.GRADIENT_TOLERANCE)
                : fit.fromGrid();
        return Optional.of(fit.law(minimum.x()));
    }

    /** Points with the lowest loss of all that have less of x or about as much, by x. */
    static int[] frontier(double[] logX, double[] logLoss) {
        int[] byX = IntStream.range(0, logX.length)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> logX[i]))
                .mapToInt(Integer::intValue)
                .toArray();
        int[] frontier = new int[byX.length];
        int length = 0;
        int lowest = byX[0];
        int next = 0;
        for (int i : byX) {
            while (next < byX.length && logX[byX[next]] <= logX[i] + Measured.SAME) {
                int j = byX[next++];
                if (logLoss[j] < logLoss[lowest]) {
                    lowest = j;
                }
            }
            if (lowest == i) {
                frontier[length++] = i;
            }
        }
        return Arrays.copyOf(frontier, length);
    }

    private static double[] at(double[] values, int[] places) {
        return Arrays.stream(places).mapToDouble(i -> values[i]).toArray();
    }
}
