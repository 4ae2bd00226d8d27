package io.kinema.train.sweep;

/**
 * The best division of a budget by a law: the least of E + A/N^α + B/D^β where D tokens of N parameters cost C
 * (Hoffmann et al., 2203.15556, section 3.3), a token costing e^intercept · N^slope.
 *
 * @param law L(N, D)
 * @param costOfToken log C/D over log N
 */
record Budget(PowerLaw law, Line costOfToken) {
    private static final double MOST_LOG_FLOPS = Math.log(1e60);

    /** What to train. */
    record Division(double n, double d, double flops, double loss) {}

    /** Whether size and data both help, without which there is no best division. */
    boolean isDivisible() {
        return law.coefficients()[0] > 0
                && law.coefficients()[1] > 0
                && law.exponents()[0] > 0
                && law.exponents()[1] > 0
                && costOfToken.slope() > 0;
    }

    /** The best for so many operations. */
    Division best(double flops) {
        double alpha = law.exponents()[0];
        double beta = law.exponents()[1];
        // Where the derivative by log N vanishes: α·A/N^α = slope·β·B/D^β.
        double ratio =
                Math.log(alpha * law.coefficients()[0]) - Math.log(costOfToken.slope() * beta * law.coefficients()[1]);
        double logN =
                (ratio + beta * (Math.log(flops) - costOfToken.intercept())) / (alpha + costOfToken.slope() * beta);
        return of(flops, Math.exp(logN));
    }

    /** With a given size. */
    Division of(double flops, double n) {
        double d = flops / Math.exp(costOfToken.at(Math.log(n)));
        return new Division(n, d, flops, law.loss(n, d));
    }

    /** The operations with which the best division has a loss; infinite where none has. */
    double flopsFor(double loss) {
        if (best(Math.exp(MOST_LOG_FLOPS)).loss() > loss) {
            return Double.POSITIVE_INFINITY;
        }
        double low = 0;
        double high = MOST_LOG_FLOPS;
        for (int i = 0; i < 100; i++) {
            double middle = (low + high) / 2;
            if (best(Math.exp(middle)).loss() > loss) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return Math.exp(high);
    }
}
