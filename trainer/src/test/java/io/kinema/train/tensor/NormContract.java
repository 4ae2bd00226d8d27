package io.kinema.train.tensor;

import static io.kinema.train.tensor.GradientCheck.accumulator;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.kinema.train.tensor.GradientCheck.Gradient;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Norms over rows. */
interface NormContract extends DeviceContract {
    @ParameterizedTest
    @MethodSource("types")
    default void shouldNormByRootMeanSquare(DType dtype) {
        try (Device device = open(dtype)) {
            Random random = new Random(1);
            double[] x = Host.normal(random, 2 * 3 * 4);
            x[5] = 300;
            for (int i = 0; i < 4; i++) {
                x[i] = 0;
            }
            double[] weight = Host.normal(random, 4);
            double[] expected = new double[x.length];
            for (int r = 0; r < 6; r++) {
                double square = 0;
                for (int i = 0; i < 4; i++) {
                    square += x[r * 4 + i] * x[r * 4 + i];
                }
                for (int i = 0; i < 4; i++) {
                    expected[r * 4 + i] = x[r * 4 + i] / Math.sqrt(square / 4 + 1e-6) * weight[i];
                }
            }
            Tensor y = device.rmsNorm(Host.tensor(device, x, 2, 3, 4), Host.tensor(device, weight, 4));
            assertArrayEquals(new int[] {2, 3, 4}, y.shape());
            assertClose(expected, device, y);
        }
    }

    @Test
    default void shouldDifferentiateRmsNorm() {
        for (int[] shape : new int[][] {{5, 3, 8}, {1, 4}, {9, 33}}) {
            try (Device device = open(finest())) {
                Random random = new Random(2);
                int width = shape[shape.length - 1];
                GradientCheck.check(
                        device,
                        List.of(Host.normal(device, random, shape), Host.normal(device, random, width)),
                        in -> device.rmsNorm(in.get(0), in.get(1)),
                        (dy, in) -> {
                            Tensor dWeight = accumulator(device, width);
                            Tensor dx = device.rmsNormBackward(dy, in.get(0), in.get(1), dWeight);
                            return List.of(Gradient.fresh(dx), Gradient.added(dWeight));
                        });
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldNormAndModulateEachSegment(DType dtype) {
        try (Device device = open(dtype)) {
            Random random = new Random(3);
            int width = 6;
            double[] x = Host.normal(random, MIXED.total() * width);
            double[] shift = Host.normal(random, MIXED.count() * width);
            double[] scale = Host.normal(random, MIXED.count() * width);
            double[] expected = new double[x.length];
            for (int s = 0; s < MIXED.count(); s++) {
                for (int row = MIXED.offset(s); row < MIXED.offset(s + 1); row++) {
                    double mean = 0;
                    for (int i = 0; i < width; i++) {
                        mean += x[row * width + i] / width;
                    }
                    double variance = 0;
                    for (int i = 0; i < width; i++) {
                        variance += Math.pow(x[row * width + i] - mean, 2) / width;
                    }
                    for (int i = 0; i < width; i++) {
                        expected[row * width + i] =
                                (x[row * width + i] - mean) / Math.sqrt(variance + 1e-6) * (1 + scale[s * width + i])
                                        + shift[s * width + i];
                    }
                }
            }
            Tensor y = device.modulatedLayerNorm(
                    Host.tensor(device, x, MIXED.total(), width),
                    Host.tensor(device, shift, MIXED.count(), width),
                    Host.tensor(device, scale, MIXED.count(), width),
                    MIXED);
            assertClose(expected, device, y);
        }
    }

    @Test
    default void shouldDifferentiateModulatedLayerNorm() {
        for (Segments segments :
                List.of(MIXED, Segments.ofLengths(1), Segments.ofLengths(1, 1), Segments.ofLengths(9))) {
            try (Device device = open(finest())) {
                Random random = new Random(4);
                int width = 7;
                Tensor x = Host.normal(device, random, segments.total(), width);
                Tensor shift = Host.normal(device, random, segments.count(), width);
                Tensor scale = Host.normal(device, random, segments.count(), width);
                GradientCheck.check(
                        device,
                        List.of(x, shift, scale),
                        in -> device.modulatedLayerNorm(in.get(0), in.get(1), in.get(2), segments),
                        (dy, in) -> {
                            Tensor dShift = accumulator(device, segments.count(), width);
                            Tensor dScale = accumulator(device, segments.count(), width);
                            Tensor dx = device.modulatedLayerNormBackward(
                                    dy, in.get(0), in.get(2), segments, dShift, dScale);
                            return List.of(Gradient.fresh(dx), Gradient.added(dShift), Gradient.added(dScale));
                        });
            }
        }
    }
}
