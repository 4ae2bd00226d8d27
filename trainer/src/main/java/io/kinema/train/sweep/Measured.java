package io.kinema.train.sweep;

import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Points in logarithms, in which laws are lines.
 *
 * @param logN of parameters
 * @param logD of tokens
 * @param logC of operations
 * @param logLoss of held-out losses
 */
record Measured(double[] logN, double[] logD, double[] logC, double[] logLoss) {
    /**
     * What differs by less is as good as equal: steps are whole, so that costs of one budget are only nearly the same.
     */
    static final double SAME = Math.log(1.2);

    static Measured of(List<ScalingPoint> points) {
        return new Measured(
                logs(points, ScalingPoint::n),
                logs(points, ScalingPoint::d),
                logs(points, ScalingPoint::c),
                logs(points, ScalingPoint::loss));
    }

    private static double[] logs(List<ScalingPoint> points, ToDoubleFunction<ScalingPoint> value) {
        return points.stream().mapToDouble(value).map(Math::log).toArray();
    }

    int size() {
        return logLoss.length;
    }

    static long distinct(double[] values) {
        return Arrays.stream(values).distinct().count();
    }
}
