package io.kinema.train.sweep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class LbfgsTest {
    @Test
    void shouldFollowTheValleyOfRosenbrocksFunctionToItsEnd() {
        Lbfgs.Minimum minimum = Lbfgs.minimize(
                (x, gradient) -> {
                    double a = 1 - x[0];
                    double b = x[1] - x[0] * x[0];
                    gradient[0] = -2 * a - 400 * x[0] * b;
                    gradient[1] = 200 * b;
                    return a * a + 100 * b * b;
                },
                new double[] {-1.2, 1},
                1e-10);
        assertArrayEquals(new double[] {1, 1}, minimum.x(), 1e-9);
        assertTrue(minimum.gradientNorm() < 1e-10 && minimum.iterations() < 100, minimum.toString());
    }

    @Test
    void shouldSolveABadlyScaledQuadratic() {
        double[] scale = {1, 1e2, 1e4, 1e6};
        Lbfgs.Minimum minimum = Lbfgs.minimize(
                (x, gradient) -> {
                    double value = 3;
                    for (int i = 0; i < x.length; i++) {
                        double distance = x[i] - i;
                        gradient[i] = scale[i] * distance;
                        value += scale[i] * distance * distance / 2;
                    }
                    return value;
                },
                new double[] {5, 5, 5, 5},
                1e-8);
        assertArrayEquals(new double[] {0, 1, 2, 3}, minimum.x(), 1e-8);
        assertEquals(3, minimum.value(), 1e-12);
    }

    @Test
    void shouldStopWhereTheFunctionIsNoNumber() {
        Lbfgs.Minimum minimum = Lbfgs.minimize((x, gradient) -> Double.NaN, new double[] {1}, 1e-8);
        assertEquals(0, minimum.iterations());
        assertTrue(Double.isNaN(minimum.value()));
    }

    @Test
    void shouldReturnTheStartWhereItIsAMinimum() {
        Lbfgs.Minimum minimum = Lbfgs.minimize(
                (x, gradient) -> {
                    gradient[0] = 2 * x[0];
                    return x[0] * x[0];
                },
                new double[] {0},
                1e-8);
        assertEquals(0, minimum.iterations());
    }
}
