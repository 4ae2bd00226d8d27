package io.kinema.train.sweep;

import java.util.List;

/**
 * How a budget is best divided between parameters and tokens, as one of the methods of Hoffmann et al. (2203.15556,
 * section 3) finds it.
 *
 * @param optima the best division of some budgets
 * @param n log N over log C; its slope is a of N ∝ C^a
 * @param d log D over log C; its slope is b
 */
record Allocation(List<Optimum> optima, Line n, Line d) {
    /**
     * The best division of one budget.
     *
     * @param logC the budget
     * @param logN parameters
     * @param logD tokens
     * @param loss with them
     */
    record Optimum(double logC, double logN, double logD, double loss) {}

    static Allocation of(List<Optimum> optima) {
        double[] logC = optima.stream().mapToDouble(Optimum::logC).toArray();
        return new Allocation(
                List.copyOf(optima),
                Line.through(logC, optima.stream().mapToDouble(Optimum::logN).toArray()),
                Line.through(logC, optima.stream().mapToDouble(Optimum::logD).toArray()));
    }
}
