package io.kinema.train.sweep;

import org.apache.commons.math3.stat.regression.SimpleRegression;

/**
 * A line of least squares. Over logarithms it is a power law.
 *
 * @param intercept its value at 0
 * @param slope what it rises by 1
 */
record Line(double intercept, double slope) {
    static Line through(double[] x, double[] y) {
        SimpleRegression regression = new SimpleRegression();
        for (int i = 0; i < x.length; i++) {
            regression.addData(x[i], y[i]);
        }
        return new Line(regression.getIntercept(), regression.getSlope());
    }

    double at(double x) {
        return intercept + slope * x;
    }
}
