package io.kinema.train.tensor;

import static io.kinema.train.tensor.GradientCheck.accumulator;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.tensor.GradientCheck.Gradient;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Matrix products, activations, embeddings, cutting and joining. */
interface LayerContract extends DeviceContract {
    @ParameterizedTest
    @MethodSource("types")
    default void shouldMultiplyByTransposedWeightAndAddBias(DType dtype) {
        try (Device device = open(dtype)) {
            Random random = new Random(1);
            double[] x = Host.normal(random, 7 * 5);
            double[] weight = Host.normal(random, 3 * 5);
            double[] bias = Host.normal(random, 3);
            double[] expected = new double[7 * 3];
            for (int r = 0; r < 7; r++) {
                for (int o = 0; o < 3; o++) {
                    double sum = bias[o];
                    for (int i = 0; i < 5; i++) {
                        sum += x[r * 5 + i] * weight[o * 5 + i];
                    }
                    expected[r * 3 + o] = sum;
                }
            }
            Tensor y = device.linear(
                    Host.tensor(device, x, 7, 5), Host.tensor(device, weight, 3, 5), Host.tensor(device, bias, 3));
            assertArrayEquals(new int[] {7, 3}, y.shape());
            assertClose(expected, device, y);
        }
    }

    @Test
    default void shouldDifferentiateLinear() {
        for (int[] rio : new int[][] {{6, 5, 4}, {1, 3, 2}, {4, 1, 1}, {33, 17, 40}}) {
            try (Device device = open(finest())) {
                Random random = new Random(2);
                Tensor x = Host.normal(device, random, rio[0], rio[1]);
                Tensor weight = Host.normal(device, random, rio[2], rio[1]);
                Tensor bias = Host.normal(device, random, rio[2]);
                GradientCheck.check(
                        device,
                        List.of(x, weight, bias),
                        in -> device.linear(in.get(0), in.get(1), in.get(2)),
                        (dy, in) -> {
                            Tensor dWeight = accumulator(device, rio[2], rio[1]);
                            Tensor dBias = accumulator(device, rio[2]);
                            device.linearBackwardParameters(dy, in.get(0), dWeight, dBias);
                            return List.of(
                                    Gradient.fresh(device.linearBackwardInput(dy, in.get(1))),
                                    Gradient.added(dWeight),
                                    Gradient.added(dBias));
                        });
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldApplyActivations(DType dtype) {
        try (Device device = open(dtype)) {
            double[] x = {-60, -8, -3, -1, -0.25, 0, 1e-3, 0.5, 1, 2, 5, 60};
            Tensor in = Host.tensor(device, x, 2, 3, 2);
            DoubleUnaryOperator gelu =
                    v -> 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v)));
            DoubleUnaryOperator silu = v -> v / (1 + Math.exp(-v));
            assertArrayEquals(new int[] {2, 3, 2}, device.gelu(in).shape());
            assertClose(Arrays.stream(x).map(v -> gelu.applyAsDouble((float) v)).toArray(), device, device.gelu(in));
            assertClose(Arrays.stream(x).map(v -> silu.applyAsDouble((float) v)).toArray(), device, device.silu(in));
        }
    }

    @Test
    default void shouldDifferentiateActivations() {
        try (Device device = open(finest())) {
            Tensor x = Host.normal(device, new Random(3), 6, 9);
            GradientCheck.check(
                    device,
                    List.of(x),
                    in -> device.gelu(in.get(0)),
                    (dy, in) -> List.of(Gradient.fresh(device.geluBackward(dy, in.get(0)))));
            GradientCheck.check(
                    device,
                    List.of(x),
                    in -> device.silu(in.get(0)),
                    (dy, in) -> List.of(Gradient.fresh(device.siluBackward(dy, in.get(0)))));
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldLookRowsUp(DType dtype) {
        try (Device device = open(dtype)) {
            Tensor table = Host.tensor(device, new double[] {1, 2, 3, 4, 5, 6}, 3, 2);
            Tensor rows = device.embedding(table, RowIds.of(2, 0, 2, 1));
            assertArrayEquals(new int[] {4, 2}, rows.shape());
            assertArrayEquals(new double[] {5, 6, 1, 2, 5, 6, 3, 4}, Host.read(device, rows));
            assertThrows(IllegalArgumentException.class, () -> device.embedding(table, RowIds.of(3)));
            assertThrows(IllegalArgumentException.class, () -> device.embedding(table, RowIds.of(-1)));
        }
    }

    @Test
    default void shouldDifferentiateEmbeddingWithRepeatedIds() {
        try (Device device = open(finest())) {
            RowIds ids = RowIds.of(4, 0, 4, 4, 2, 1, 0);
            GradientCheck.check(
                    device,
                    List.of(Host.normal(device, new Random(4), 6, 3)),
                    in -> device.embedding(in.get(0), ids),
                    (dy, _) -> {
                        Tensor dTable = accumulator(device, 6, 3);
                        device.embeddingBackward(dy, ids, dTable);
                        return List.of(Gradient.added(dTable));
                    });
        }
    }

    @Test
    default void shouldAddEmbeddingGradientsInTheOrderOfIds() {
        try (Device device = open(DType.FP32)) {
            // In float32, (1e8 + 1) − 1e8 is 0 and (1e8 − 1e8) + 1 is 1.
            Tensor dTable = device.zeros(2, 1);
            device.embeddingBackward(device.of(new float[] {1e8f, 1, -1e8f}, 3, 1), RowIds.of(1, 1, 1), dTable);
            assertArrayEquals(new double[] {0, 0}, Host.read(device, dTable));
            device.embeddingBackward(device.of(new float[] {1e8f, -1e8f, 1}, 3, 1), RowIds.of(0, 0, 0), dTable);
            assertArrayEquals(new double[] {1, 0}, Host.read(device, dTable));
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldCutAndJoinColumns(DType dtype) {
        try (Device device = open(dtype)) {
            for (int[] rowsAndColumns : new int[][] {{1, 6}, {5, 6}, {3, 3}}) {
                int rows = rowsAndColumns[0];
                int columns = rowsAndColumns[1];
                Tensor x = Host.normal(device, new Random(5), rows, columns);
                double[] values = Host.read(device, x);
                Tensor[] parts = device.split(x, 3);
                for (int p = 0; p < 3; p++) {
                    double[] part = Host.read(device, parts[p]);
                    for (int i = 0; i < part.length; i++) {
                        int row = i / (columns / 3);
                        int column = i % (columns / 3);
                        assertTrue(part[i] == values[row * columns + p * (columns / 3) + column]);
                    }
                }
                assertArrayEquals(values, Host.read(device, device.concat(parts)));
                assertArrayEquals(values, Host.read(device, device.concat(device.split(x, 1))));
            }
            Tensor joined =
                    device.concat(device.of(new float[] {1, 4}, 2, 1), device.of(new float[] {2, 3, 5, 6}, 2, 2));
            assertArrayEquals(new double[] {1, 2, 3, 4, 5, 6}, Host.read(device, joined));
        }
    }
}
