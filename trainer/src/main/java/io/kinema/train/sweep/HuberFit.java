package io.kinema.train.sweep;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Fits a {@link PowerLaw} as Hoffmann et al. (2203.15556, section 3.3 and appendix D.3) do: the sum over points of the
 * Huber loss of log L, minimised over (log E, log A_j, α_j). Summed and not averaged, and minimised until the gradient
 * vanishes, as the average over points had stopped searches early (Besiroglu et al., 2404.10102, appendix A).
 *
 * <p>Logarithms of x are centred for the search, which makes coefficients and exponents nearly independent and changes
 * no minimum.
 */
final class HuberFit implements Lbfgs.Objective {
    /** Of Hoffmann et al. */
    static final double DELTA = 1e-3;

    static final double GRADIENT_TOLERANCE = 1e-8;

    /** A search over more points takes too long from every start. */
    private static final int MANY = 250;

    private static final int BEST_STARTS = 20;

    /** The starts of Hoffmann et al., appendix D.3. */
    private static final double[] OFFSETS = {-1, -0.5, 0, 0.5, 1};

    private static final double[] COEFFICIENTS = {0, 5, 10, 15, 20, 25};
    private static final double[] EXPONENTS = {0, 0.5, 1, 1.5, 2};

    private final double delta;
    private final double[][] centredLogX;
    private final double[] centres;
    private final double[] logLoss;
    private final double[] term;

    /**
     * Takes the points.
     *
     * @param logX for each term of the law the logarithm of its x, at each point
     * @param logLoss of each point
     * @param delta the residual of log L from which it counts by its size and no longer by its square; infinite for
     *     least squares
     */
    HuberFit(double[][] logX, double[] logLoss, double delta) {
        this.delta = delta;
        this.centres = Arrays.stream(logX)
                .mapToDouble(x -> Arrays.stream(x).average().orElseThrow())
                .toArray();
        this.centredLogX = new double[logX.length][];
        for (int j = 0; j < logX.length; j++) {
            double centre = centres[j];
            centredLogX[j] = Arrays.stream(logX[j]).map(x -> x - centre).toArray();
        }
        this.logLoss = logLoss.clone();
        this.term = new double[logX.length];
    }

    private HuberFit(HuberFit all, int[] chosen) {
        this.delta = all.delta;
        this.centres = all.centres;
        this.centredLogX =
                Arrays.stream(all.centredLogX).map(x -> at(x, chosen)).toArray(double[][]::new);
        this.logLoss = at(all.logLoss, chosen);
        this.term = new double[all.term.length];
    }

    private static double[] at(double[] values, int[] places) {
        return Arrays.stream(places).mapToDouble(i -> values[i]).toArray();
    }

    private HuberFit(HuberFit same, double[] logLoss, double delta) {
        this.delta = delta;
        this.centres = same.centres;
        this.centredLogX = same.centredLogX;
        this.logLoss = logLoss;
        this.term = new double[same.term.length];
    }

    /** The same places with other losses. */
    HuberFit with(double[] otherLogLoss) {
        return new HuberFit(this, otherLogLoss, delta);
    }

    /** The same points by least squares. */
    HuberFit leastSquares() {
        return new HuberFit(this, logLoss, Double.POSITIVE_INFINITY);
    }

    /**
     * Searches from every start, in parallel, and returns the lowest minimum; of equals that of the first start. Where
     * points are many, some of them choose the starts from which all are searched.
     */
    Lbfgs.Minimum fromGrid() {
        if (logLoss.length <= MANY) {
            return fromEach(starts());
        }
        List<double[]> best = some().minima(starts())
                .sorted(Comparator.comparingDouble(Lbfgs.Minimum::value))
                .limit(BEST_STARTS)
                .map(Lbfgs.Minimum::x)
                .toList();
        return fromEach(best);
    }

    /** Searches from each of some starts. */
    Lbfgs.Minimum fromEach(List<double[]> starts) {
        return minima(starts)
                .min(Comparator.comparingDouble(Lbfgs.Minimum::value))
                .orElseThrow(() -> new ArithmeticException("no start leads to a minimum"));
    }

    private Stream<Lbfgs.Minimum> minima(List<double[]> starts) {
        return IntStream.range(0, starts.size())
                .parallel()
                // Each with scratch of its own.
                .mapToObj(i -> Lbfgs.minimize(with(logLoss), starts.get(i), GRADIENT_TOLERANCE))
                .filter(minimum -> Double.isFinite(minimum.value()));
    }

    /** Points spread over all, with the same centres. */
    private HuberFit some() {
        int[] chosen = IntStream.range(0, MANY)
                .map(i -> (int) ((long) i * logLoss.length / MANY))
                .toArray();
        return new HuberFit(this, chosen);
    }

    List<double[]> starts() {
        List<double[]> starts = new ArrayList<>();
        for (double offset : OFFSETS) {
            starts.add(new double[] {offset});
        }
        for (double centre : centres) {
            List<double[]> longer = new ArrayList<>();
            for (double[] start : starts) {
                for (double coefficient : COEFFICIENTS) {
                    for (double exponent : EXPONENTS) {
                        double[] next = Arrays.copyOf(start, start.length + 2);
                        next[start.length] = coefficient - exponent * centre;
                        next[start.length + 1] = exponent;
                        longer.add(next);
                    }
                }
            }
            starts = longer;
        }
        return starts;
    }

    /** The law at a place of the search. */
    PowerLaw law(double[] x) {
        double[] coefficients = new double[centres.length];
        double[] exponents = new double[centres.length];
        for (int j = 0; j < centres.length; j++) {
            exponents[j] = x[2 * j + 2];
            coefficients[j] = Math.exp(x[2 * j + 1] + exponents[j] * centres[j]);
        }
        return new PowerLaw(Math.exp(x[0]), coefficients, exponents);
    }

    /** Where a law is in the search. */
    double[] place(PowerLaw law) {
        double[] x = new double[1 + 2 * centres.length];
        x[0] = Math.log(law.offset());
        for (int j = 0; j < centres.length; j++) {
            x[2 * j + 1] = Math.log(law.coefficients()[j]) - law.exponents()[j] * centres[j];
            x[2 * j + 2] = law.exponents()[j];
        }
        return x;
    }

    /** How log L at each point changes with each number of the search: a row a point. */
    double[][] jacobian(double[] x) {
        double[][] rows = new double[logLoss.length][x.length];
        for (int i = 0; i < rows.length; i++) {
            double sum = terms(x, i);
            rows[i][0] = Math.exp(x[0]) / sum;
            for (int j = 0; j < term.length; j++) {
                rows[i][2 * j + 1] = term[j] / sum;
                rows[i][2 * j + 2] = -term[j] / sum * centredLogX[j][i];
            }
        }
        return rows;
    }

    /** What is measured less what a place of the search says, in log L. */
    double[] residuals(double[] x) {
        return IntStream.range(0, logLoss.length)
                .mapToDouble(i -> logLoss[i] - Math.log(terms(x, i)))
                .toArray();
    }

    /** The law's terms at a point, and their sum with the offset. */
    private double terms(double[] x, int point) {
        double sum = Math.exp(x[0]);
        for (int j = 0; j < term.length; j++) {
            term[j] = Math.exp(x[2 * j + 1] - x[2 * j + 2] * centredLogX[j][point]);
            sum += term[j];
        }
        return sum;
    }

    @Override
    public double at(double[] x, double[] gradient) {
        Arrays.fill(gradient, 0);
        double offset = Math.exp(x[0]);
        double value = 0;
        for (int i = 0; i < logLoss.length; i++) {
            double sum = terms(x, i);
            double residual = Math.log(sum) - logLoss[i];
            double slope = Math.clamp(residual, -delta, delta);
            value += slope * (residual - slope / 2);
            double share = slope / sum;
            gradient[0] += share * offset;
            for (int j = 0; j < term.length; j++) {
                gradient[2 * j + 1] += share * term[j];
                gradient[2 * j + 2] -= share * term[j] * centredLogX[j][i];
            }
        }
        return value;
    }
}
