package io.kinema.train.tensor;

import static io.kinema.train.tensor.GradientCheck.accumulator;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.tensor.GradientCheck.Gradient;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Gates, means, mixtures and errors of segments. */
interface SegmentContract extends DeviceContract {
    int WIDTH = 5;

    @ParameterizedTest
    @MethodSource("types")
    default void shouldAddBranchThroughGateOfItsSegment(DType dtype) {
        try (Device device = open(dtype)) {
            Random random = new Random(1);
            double[] x = Host.normal(random, MIXED.total() * WIDTH);
            double[] y = Host.normal(random, MIXED.total() * WIDTH);
            double[] gate = Host.normal(random, MIXED.count() * WIDTH);
            double[] expected = new double[x.length];
            for (int s = 0; s < MIXED.count(); s++) {
                for (int i = MIXED.offset(s) * WIDTH; i < MIXED.offset(s + 1) * WIDTH; i++) {
                    expected[i] = x[i] + gate[s * WIDTH + i % WIDTH] * y[i];
                }
            }
            Tensor out = device.gatedResidual(
                    Host.tensor(device, x, MIXED.total(), WIDTH),
                    Host.tensor(device, y, MIXED.total(), WIDTH),
                    Host.tensor(device, gate, MIXED.count(), WIDTH),
                    MIXED);
            assertClose(expected, device, out);
        }
    }

    @Test
    default void shouldDifferentiateGatedResidual() {
        try (Device device = open(finest())) {
            Random random = new Random(2);
            Tensor x = Host.normal(device, random, MIXED.total(), WIDTH);
            Tensor y = Host.normal(device, random, MIXED.total(), WIDTH);
            Tensor gate = Host.normal(device, random, MIXED.count(), WIDTH);
            GradientCheck.check(
                    device,
                    List.of(x, y, gate),
                    in -> device.gatedResidual(in.get(0), in.get(1), in.get(2), MIXED),
                    (dOut, in) -> {
                        Tensor dGate = accumulator(device, MIXED.count(), WIDTH);
                        Tensor dy = device.gatedResidualBackward(dOut, in.get(1), in.get(2), MIXED, dGate);
                        return List.of(Gradient.fresh(dOut), Gradient.fresh(dy), Gradient.added(dGate));
                    });
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldAverageEachSegment(DType dtype) {
        try (Device device = open(dtype)) {
            double[] x = Host.normal(new Random(3), MIXED.total() * WIDTH);
            double[] expected = new double[MIXED.count() * WIDTH];
            for (int s = 0; s < MIXED.count(); s++) {
                for (int i = MIXED.offset(s) * WIDTH; i < MIXED.offset(s + 1) * WIDTH; i++) {
                    expected[s * WIDTH + i % WIDTH] += x[i] / MIXED.length(s);
                }
            }
            assertClose(expected, device, device.segmentMean(Host.tensor(device, x, MIXED.total(), WIDTH), MIXED));
        }
    }

    @Test
    default void shouldDifferentiateSegmentMean() {
        try (Device device = open(finest())) {
            GradientCheck.check(
                    device,
                    List.of(Host.normal(device, new Random(4), MIXED.total(), WIDTH)),
                    in -> device.segmentMean(in.get(0), MIXED),
                    (dy, _) -> List.of(Gradient.fresh(device.segmentMeanBackward(dy, MIXED))));
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldMixWithWeightsOfTheSegment(DType dtype) {
        try (Device device = open(dtype)) {
            Random random = new Random(5);
            double[] a = Host.normal(random, MIXED.total() * WIDTH);
            double[] b = Host.normal(random, MIXED.total() * WIDTH);
            double[] weightA = {0.1, 0.9, 1, 0};
            double[] weightB = {0.99, -0.4, 0, 1};
            double[] expected = new double[a.length];
            for (int s = 0; s < MIXED.count(); s++) {
                for (int i = MIXED.offset(s) * WIDTH; i < MIXED.offset(s + 1) * WIDTH; i++) {
                    expected[i] = weightA[s] * a[i] + weightB[s] * b[i];
                }
            }
            Tensor mixed = device.mix(
                    Host.tensor(device, a, MIXED.total(), WIDTH),
                    Host.tensor(device, b, MIXED.total(), WIDTH),
                    SegmentWeights.of(weightA),
                    SegmentWeights.of(weightB),
                    MIXED);
            assertClose(expected, device, mixed);
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldMeasureSquaredErrorOfEachSegment(DType dtype) {
        try (Device device = open(dtype)) {
            Random random = new Random(6);
            double[] prediction = Host.normal(random, MIXED.total() * WIDTH);
            double[] target = Host.normal(random, MIXED.total() * WIDTH);
            double[] sums = new double[MIXED.count()];
            double[] gradient = new double[prediction.length];
            for (int s = 0; s < MIXED.count(); s++) {
                for (int i = MIXED.offset(s) * WIDTH; i < MIXED.offset(s + 1) * WIDTH; i++) {
                    sums[s] += Math.pow(prediction[i] - target[i], 2);
                    gradient[i] = 2 * 0.25 * (prediction[i] - target[i]);
                }
            }
            SquaredError error = device.squaredError(
                    Host.tensor(device, prediction, MIXED.total(), WIDTH),
                    Host.tensor(device, target, MIXED.total(), WIDTH),
                    Host.ones(device, MIXED.total()),
                    MIXED,
                    0.25);
            assertArrayEquals(sums, device.read(error.sumS()), 100 * tolerance(dtype));
            assertClose(gradient, device, error.dPrediction());
        }
    }

    /** Weights of tokens, of which some count nothing. */
    private static double[] weights() {
        double[] weightL = new double[MIXED.total()];
        Arrays.setAll(weightL, row -> row % 4 == 1 ? 0 : 0.25 * (row % 7 + 1));
        return weightL;
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldWeighTheErrorOfEachToken(DType dtype) {
        try (Device device = open(dtype)) {
            Random random = new Random(7);
            double[] prediction = Host.normal(random, MIXED.total() * WIDTH);
            double[] target = Host.normal(random, MIXED.total() * WIDTH);
            double[] weightL = weights();
            double[] sums = new double[MIXED.count()];
            double[] gradient = new double[prediction.length];
            for (int i = 0; i < gradient.length; i++) {
                double weight = weightL[i / WIDTH];
                sums[MIXED.indexOf(i / WIDTH)] += weight * Math.pow(prediction[i] - target[i], 2);
                gradient[i] = 2 * 0.25 * weight * (prediction[i] - target[i]);
            }
            SquaredError error = device.squaredError(
                    Host.tensor(device, prediction, MIXED.total(), WIDTH),
                    Host.tensor(device, target, MIXED.total(), WIDTH),
                    Host.tensor(device, weightL, MIXED.total()),
                    MIXED,
                    0.25);
            assertArrayEquals(sums, device.read(error.sumS()), 100 * tolerance(dtype));
            assertClose(gradient, device, error.dPrediction());
        }
    }

    @Test
    default void shouldDifferentiateTheWeightedError() {
        try (Device device = open(finest())) {
            Random random = new Random(8);
            Tensor prediction = Host.normal(device, random, MIXED.total(), WIDTH);
            Tensor target = Host.normal(device, random, MIXED.total(), WIDTH);
            Tensor weightL = Host.tensor(device, weights(), MIXED.total());
            GradientCheck.check(
                    device,
                    List.of(prediction),
                    in -> {
                        SquaredError error = device.squaredError(in.get(0), target, weightL, MIXED, 0);
                        double sum = Arrays.stream(device.read(error.sumS())).sum();
                        return Host.tensor(device, new double[] {sum}, 1);
                    },
                    (dSum, in) -> {
                        double scale = Host.read(device, dSum)[0];
                        return List.of(Gradient.fresh(device.squaredError(in.get(0), target, weightL, MIXED, scale)
                                .dPrediction()));
                    });
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldNotSeeTokensWithoutWeight(DType dtype) {
        try (Device device = open(dtype)) {
            Random random = new Random(9);
            double[] prediction = Host.normal(random, MIXED.total() * WIDTH);
            double[] other = prediction.clone();
            for (int i = 0; i < other.length; i++) {
                other[i] += weights()[i / WIDTH] == 0 ? 1e6 : 0;
            }
            Tensor target = Host.normal(device, random, MIXED.total(), WIDTH);
            Tensor weightL = Host.tensor(device, weights(), MIXED.total());
            SquaredError one = device.squaredError(
                    Host.tensor(device, prediction, MIXED.total(), WIDTH), target, weightL, MIXED, 1);
            SquaredError two =
                    device.squaredError(Host.tensor(device, other, MIXED.total(), WIDTH), target, weightL, MIXED, 1);
            assertArrayEquals(device.read(one.sumS()), device.read(two.sumS()));
            double[] gradient = Host.read(device, two.dPrediction());
            assertArrayEquals(Host.read(device, one.dPrediction()), gradient, 0);
            for (int i = 0; i < gradient.length; i++) {
                assertEquals(weights()[i / WIDTH] == 0, gradient[i] == 0, "element " + i);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldKeepNonFiniteErrorToItsSegment(DType dtype) {
        for (double broken : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
            try (Device device = open(dtype)) {
                Tensor prediction = device.zeros(MIXED.total(), WIDTH);
                Host.write(device, prediction, (long) MIXED.offset(2) * WIDTH + 3, broken);
                Tensor target = device.zeros(MIXED.total(), WIDTH);
                Tensor weightL = Host.ones(device, MIXED.total());
                double[] sums = device.read(device.squaredError(prediction, target, weightL, MIXED, 1)
                        .sumS());
                assertEquals(0, sums[0]);
                assertEquals(0, sums[1]);
                assertFalse(Double.isFinite(sums[2]));
                assertEquals(0, sums[3]);
                double[] means = Host.read(device, device.segmentMean(prediction, MIXED));
                for (int i = 0; i < means.length; i++) {
                    assertTrue(i / WIDTH == 2 ? !Double.isFinite(means[2 * WIDTH + 3]) : means[i] == 0);
                }
            }
        }
    }
}
