package io.kinema.train.sweep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HuberFitTest {
    private static HuberFit fit(List<ScalingPoint> points, double delta) {
        Measured measured = Measured.of(points);
        return new HuberFit(new double[][] {measured.logN(), measured.logD()}, measured.logLoss(), delta);
    }

    @Test
    void shouldHaveTheGradientOfItsValue() {
        Random random = new Random(3);
        for (double delta : new double[] {1e-3, 1e-2, Double.POSITIVE_INFINITY}) {
            HuberFit fit = fit(Chinchilla.points(5, 5, 0.005, 1), delta);
            for (int trial = 0; trial < 20; trial++) {
                double[] x = {0.6, -0.9, 0.35, -0.8, 0.36};
                Arrays.setAll(x, i -> x[i] + 0.1 * random.nextGaussian());
                double[] gradient = new double[5];
                fit.at(x, gradient);
                for (int i = 0; i < 5; i++) {
                    double step = 1e-6;
                    double[] up = x.clone();
                    double[] down = x.clone();
                    up[i] += step;
                    down[i] -= step;
                    double difference = (fit.at(up, new double[5]) - fit.at(down, new double[5])) / (2 * step);
                    assertEquals(difference, gradient[i], 1e-6 * Math.max(1, Math.abs(difference)), "delta " + delta);
                }
            }
        }
    }

    @Test
    void shouldCountAResidualByItsSquareBelowDeltaAndByItsSizeAbove() {
        HuberFit fit = fit(List.of(Chinchilla.point(10, 10, Math.E)), 0.5);
        // All of the law's loss is its offset, e^x[0].
        double[] gradient = new double[5];
        assertEquals(0.3 * 0.3 / 2, fit.at(new double[] {1.3, -800, 0, -800, 0}, gradient), 1e-12);
        assertEquals(0.5 * (2 - 0.25), fit.at(new double[] {3, -800, 0, -800, 0}, gradient), 1e-12);
        assertEquals(0.5, gradient[0], 1e-12);
    }

    @Test
    void shouldFindTheConstantsThatExactPointsWereMadeOf() {
        HuberFit fit = fit(Chinchilla.points(5, 6, 0, 1), HuberFit.DELTA);
        Lbfgs.Minimum minimum = fit.fromGrid();
        PowerLaw law = fit.law(minimum.x());
        assertTrue(minimum.gradientNorm() < 1e-8, minimum.toString());
        assertEquals(Chinchilla.LAW.offset(), law.offset(), 1e-3);
        assertArrayEquals(Chinchilla.LAW.exponents(), law.exponents(), 1e-3);
        assertEquals(482.01, law.coefficients()[0], 5);
        assertEquals(2085.43, law.coefficients()[1], 20);
    }

    @Test
    void shouldNotBeMovedFarByOnePointThatIsFarOff() {
        List<ScalingPoint> points = new java.util.ArrayList<>(Chinchilla.points(6, 6, 0.002, 4));
        ScalingPoint spoiled = points.get(14);
        points.set(14, Chinchilla.point(spoiled.n(), spoiled.d(), 1.3 * spoiled.loss()));
        HuberFit huber = fit(points, HuberFit.DELTA);
        HuberFit squares = fit(points, Double.POSITIVE_INFINITY);
        double byHuber = huber.law(huber.fromGrid().x()).exponents()[0] - 0.3478;
        double bySquares = squares.law(squares.fromGrid().x()).exponents()[0] - 0.3478;
        assertTrue(Math.abs(byHuber) < 0.03, "off by " + byHuber);
        assertTrue(Math.abs(bySquares) > 2 * Math.abs(byHuber), byHuber + " and " + bySquares);
    }

    @Test
    void shouldEndAtAMinimumFromEveryStartOfTheGrid() {
        HuberFit fit = fit(Chinchilla.points(3, 5, 0.005, 2), HuberFit.DELTA);
        List<double[]> starts = fit.starts();
        assertEquals(4500, starts.size());
        long ended = starts.stream()
                .map(start -> Lbfgs.minimize(fit, start, HuberFit.GRADIENT_TOLERANCE))
                .filter(minimum -> minimum.gradientNorm() < HuberFit.GRADIENT_TOLERANCE)
                .count();
        assertTrue(ended > 4490, ended + " of 4500 searches converged");
    }
}
