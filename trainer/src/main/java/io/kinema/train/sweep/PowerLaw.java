package io.kinema.train.sweep;

/**
 * A loss that falls as powers of what is spent towards what no amount of it removes: L = E + Σ_j A_j / x_j^α_j. With x
 * = (N, D) the form of Hoffmann et al. (2203.15556, equation 2), with one x that of a single quantity.
 *
 * @param offset E, at least 0
 * @param coefficients A_j, at least 0
 * @param exponents α_j
 */
record PowerLaw(double offset, double[] coefficients, double[] exponents) {
    /**
     * Evaluates the law.
     *
     * @param x as many as there are terms
     * @return the loss
     */
    double loss(double... x) {
        double loss = offset;
        for (int j = 0; j < x.length; j++) {
            loss += coefficients[j] * Math.pow(x[j], -exponents[j]);
        }
        return loss;
    }
}
