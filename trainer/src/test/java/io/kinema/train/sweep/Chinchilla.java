package io.kinema.train.sweep;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Points as a law would give them: budgets a factor apart, sizes about the best of each, the same sizes for all. */
final class Chinchilla {
    /** Besiroglu et al. (2404.10102), table 1. */
    static final PowerLaw LAW = new PowerLaw(1.8172, new double[] {482.01, 2085.43}, new double[] {0.3478, 0.3658});

    static final double A = 0.3658 / (0.3478 + 0.3658);

    private Chinchilla() {}

    /**
     * Makes points.
     *
     * @param budgets how many, from 1e18 operations on, 4 times as many each
     * @param sizes how many models, a factor of 1.6 apart, between the best of the first budget and of the last and
     *     beyond
     * @param noise standard deviation of log L
     */
    static List<ScalingPoint> points(int budgets, int sizes, double noise, long seed) {
        Random random = new Random(seed);
        Budget budget = new Budget(LAW, new Line(Math.log(6), 1));
        double middle = Math.log(budget.best(Math.exp(Math.log(1e18) + (budgets - 1) * Math.log(4) / 2))
                .n());
        List<ScalingPoint> points = new ArrayList<>();
        for (int i = 0; i < budgets; i++) {
            double c = 1e18 * Math.pow(4, i);
            for (int j = 0; j < sizes; j++) {
                double n = Math.exp(middle + (j - (sizes - 1) / 2.0) * Math.log(1.6));
                double d = c / (6 * n);
                points.add(point(n, d, LAW.loss(n, d) * Math.exp(noise * random.nextGaussian())));
            }
        }
        return points;
    }

    static ScalingPoint point(double n, double d, double loss) {
        return new ScalingPoint(n, d, 6 * n * d, loss, 0, "", "", 0, 0, 0, "");
    }
}
