package io.kinema.train.sweep;

import java.util.Arrays;

/**
 * Minimises a smooth function of a few numbers by L-BFGS (Nocedal and Wright, Numerical Optimization, 2006, algorithms
 * 7.4 and 7.5). Steps are found by bisection until they hold the approximate Wolfe conditions of Hager and Zhang (SIAM
 * J. Optim. 16, 2005, equation 4.1), which go on to be decidable where differences of the function drown in rounding.
 */
final class Lbfgs {
    private static final int MEMORY = 10;
    private static final int MAX_ITERATIONS = 2000;
    private static final int MAX_EVALUATIONS_A_STEP = 60;
    private static final double SUFFICIENT_DECREASE = 1e-4;
    private static final double CURVATURE = 0.9;

    /** How much a value may rise, of itself, and still count as equal. */
    private static final double VALUE_ROUNDING = 1e-12;

    /** A function and its gradient. */
    interface Objective {
        /**
         * Evaluates both.
         *
         * @param x where
         * @param gradient is written
         * @return the value
         */
        double at(double[] x, double[] gradient);
    }

    /**
     * Where a search has ended.
     *
     * @param x the place
     * @param value of the function there
     * @param gradientNorm Euclidean
     * @param iterations it took
     */
    record Minimum(double[] x, double value, double gradientNorm, int iterations) {}

    private final Objective objective;
    private final double tolerance;
    private final double[][] steps = new double[MEMORY][];
    private final double[][] changes = new double[MEMORY][];
    private final double[] inverses = new double[MEMORY];
    private double[] x;
    private double[] gradient;
    private double value;
    private int pairs;

    private Lbfgs(Objective objective, double[] start, double tolerance) {
        this.objective = objective;
        this.tolerance = tolerance;
        this.x = start.clone();
        this.gradient = new double[start.length];
        this.value = objective.at(x, gradient);
    }

    /**
     * Searches until the gradient vanishes, or rounding lets no step lower the function.
     *
     * @param objective what to minimise
     * @param start where to begin
     * @param tolerance of the gradient's norm
     * @return the place that was reached; its gradient says whether that is a minimum
     */
    static Minimum minimize(Objective objective, double[] start, double tolerance) {
        return new Lbfgs(objective, start, tolerance).minimize();
    }

    private Minimum minimize() {
        int iteration = 0;
        while (iteration < MAX_ITERATIONS && norm(gradient) >= tolerance && Double.isFinite(value)) {
            iteration++;
            boolean isFirst = pairs == 0;
            if (!step(direction()) && (isFirst || !restart())) {
                break;
            }
        }
        return new Minimum(x, value, norm(gradient), iteration);
    }

    /** Forgets the curvature, which may be what was wrong, and steps down the gradient. */
    private boolean restart() {
        pairs = 0;
        return step(direction());
    }

    /** The two loops over the last steps. */
    private double[] direction() {
        double[] direction = gradient.clone();
        int kept = Math.min(pairs, MEMORY);
        double[] weights = new double[kept];
        for (int k = 1; k <= kept; k++) {
            int slot = Math.floorMod(pairs - k, MEMORY);
            weights[k - 1] = inverses[slot] * dot(steps[slot], direction);
            add(direction, -weights[k - 1], changes[slot]);
        }
        double scale = 1 / Math.max(1, norm(gradient));
        if (kept > 0) {
            int slot = Math.floorMod(pairs - 1, MEMORY);
            scale = 1 / (inverses[slot] * dot(changes[slot], changes[slot]));
        }
        for (int i = 0; i < direction.length; i++) {
            direction[i] *= -scale;
        }
        for (int k = kept; k >= 1; k--) {
            int slot = Math.floorMod(pairs - k, MEMORY);
            add(direction, -weights[k - 1] - inverses[slot] * dot(changes[slot], direction), steps[slot]);
        }
        return direction;
    }

    /** Goes along a direction; false where no length will do. */
    private boolean step(double[] direction) {
        double slope = dot(gradient, direction);
        if (!(slope < 0)) {
            return false;
        }
        double low = 0;
        double high = Double.POSITIVE_INFINITY;
        double length = 1;
        double[] next = new double[x.length];
        double[] nextGradient = new double[x.length];
        double rounding = VALUE_ROUNDING * Math.abs(value);
        for (int i = 0; i < MAX_EVALUATIONS_A_STEP; i++) {
            for (int j = 0; j < x.length; j++) {
                next[j] = x[j] + length * direction[j];
            }
            double nextValue = objective.at(next, nextGradient);
            double nextSlope = dot(nextGradient, direction);
            boolean isLower = nextValue <= value + SUFFICIENT_DECREASE * length * slope
                    || nextValue <= value + rounding && nextSlope <= (2 * SUFFICIENT_DECREASE - 1) * slope;
            if (!isLower || !Double.isFinite(nextSlope)) {
                high = length;
            } else if (nextSlope < CURVATURE * slope) {
                low = length;
            } else {
                remember(next, nextGradient);
                value = nextValue;
                return true;
            }
            length = Double.isInfinite(high) ? 2 * length : (low + high) / 2;
        }
        return false;
    }

    private void remember(double[] next, double[] nextGradient) {
        double[] step = next.clone();
        double[] change = nextGradient.clone();
        add(step, -1, x);
        add(change, -1, gradient);
        double curvature = dot(step, change);
        if (curvature > 0) {
            int slot = pairs % MEMORY;
            steps[slot] = step;
            changes[slot] = change;
            inverses[slot] = 1 / curvature;
            pairs++;
        }
        x = next;
        gradient = nextGradient;
    }

    private static double norm(double[] a) {
        return Math.sqrt(dot(a, a));
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private static void add(double[] to, double factor, double[] what) {
        Arrays.setAll(to, i -> to[i] + factor * what[i]);
    }
}
