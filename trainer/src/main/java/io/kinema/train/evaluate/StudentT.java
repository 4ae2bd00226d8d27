package io.kinema.train.evaluate;

/** Student's t: how many standard errors a mean of few values may be off by. */
final class StudentT {
    /** Quantiles of 97.5 % for 1 to 10 degrees of freedom (Abramowitz and Stegun, table 26.10). */
    private static final double[] FEW = {
        12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139
    };

    /** The standard normal's quantile of 97.5 %. */
    private static final double Z = 1.959964;

    private StudentT() {}

    /** The quantile of 97.5 %; beyond the table by the series of Abramowitz and Stegun, 26.7.5. */
    static double quantile(int degreesOfFreedom) {
        if (degreesOfFreedom <= FEW.length) {
            return FEW[degreesOfFreedom - 1];
        }
        double n = degreesOfFreedom;
        double z3 = Z * Z * Z;
        double z5 = z3 * Z * Z;
        double z7 = z5 * Z * Z;
        return Z
                + (z3 + Z) / (4 * n)
                + (5 * z5 + 16 * z3 + 3 * Z) / (96 * n * n)
                + (3 * z7 + 19 * z5 + 17 * z3 - 15 * Z) / (384 * n * n * n);
    }
}
