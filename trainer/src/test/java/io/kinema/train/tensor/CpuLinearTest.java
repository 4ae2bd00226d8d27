package io.kinema.train.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.tensor.cpu.CpuDevice;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Linear layers of the cpu device against the nd4j device in float64, fused and plain, over shapes that fill no tile.
 */
final class CpuLinearTest {
    /** Rows, features in, features out. */
    private static final int[][] SHAPES = {
        {1, 1, 1}, {1, 6, 5}, {3, 96, 40}, {16, 32, 48}, {17, 33, 7}, {130, 64, 513}, {257, 515, 96}, {300, 20, 1030}
    };

    private static final int HUGE = 600;

    /** All linear operations on the same values; parameter gradients start from 1. */
    private static List<Tensor> everything(Device device, DType type, int[] shape, long seed) {
        Random random = new Random(seed);
        int rows = shape[0];
        int in = shape[1];
        int out = shape[2];
        Segments segments = rows < 3 ? Segments.ofLengths(rows) : Segments.ofLengths(1, rows - 2, 1);
        Tensor x = typed(device, type, random, rows, in);
        Tensor weight = typed(device, type, random, out, in);
        Tensor bias = typed(device, type, random, out);
        Tensor dy = typed(device, type, random, rows, out);
        Tensor residual = Host.normal(device, random, rows, out);
        Tensor gate = typed(device, type, random, segments.count(), out);
        Tensor inner = typed(device, type, random, rows, in);
        Tensor dWeight = device.of(ones(out * in), out, in);
        Tensor dBias = device.of(ones(out), out);

        List<Tensor> results = new ArrayList<>();
        results.add(device.linear(x, weight, bias));
        Activated activated = device.linearGelu(x, weight, bias);
        results.add(activated.innerRO());
        results.add(activated.outRO());
        results.add(device.linearResidual(x, weight, bias, residual));
        Gated gated = device.linearGatedResidual(x, weight, bias, residual, gate, segments);
        results.add(gated.branchLD());
        results.add(gated.outLD());
        results.add(device.linearBackwardInput(dy, weight));
        results.add(device.linearBackwardInputGelu(dy, weight, inner));
        device.linearBackwardParameters(dy, x, dWeight, dBias);
        results.add(dWeight);
        results.add(dBias);
        return results;
    }

    /**
     * Normal values, rounded to BF16, so that devices of any type start from the same; in the type where the device has
     * it.
     */
    private static Tensor typed(Device device, DType type, Random random, int... shape) {
        Tensor exact = device.zeros(shape);
        double[] values = Host.normal(random, Math.toIntExact(exact.size()));
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.intBitsToFloat(Float.floatToIntBits((float) values[i]) & 0xFFFF0000);
        }
        Host.write(device, exact, 0, values);
        if (device.workingType() != type || exact.dtype() == type) {
            return exact;
        }
        Tensor narrow = device.zeros(type, shape);
        device.copy(narrow, exact);
        return narrow;
    }

    private static float[] ones(int size) {
        float[] ones = new float[size];
        java.util.Arrays.fill(ones, 1);
        return ones;
    }

    private static double[] values(Device device, Tensor tensor) {
        Tensor copy = device.zeros(tensor.shape());
        device.copy(copy, tensor);
        return Host.read(device, copy);
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldAgreeWithTheOracle(DType type) {
        try (Device cpu = CpuDevice.open(type, 2);
                Device oracle = Nd4jDevice.open(DType.FP64)) {
            for (int[] shape : SHAPES) {
                List<Tensor> actual = everything(cpu, type, shape, 5);
                List<Tensor> expected = everything(oracle, type, shape, 5);
                for (int i = 0; i < actual.size(); i++) {
                    double tolerance = actual.get(i).dtype() == DType.BF16 ? 1.0 / 256 : 4e-6;
                    String what = "result " + i + " of " + java.util.Arrays.toString(shape);
                    assertNear(what, values(oracle, expected.get(i)), values(cpu, actual.get(i)), tolerance);
                }
            }
        }
    }

    private static void assertNear(String what, double[] expected, double[] actual, double tolerance) {
        double scale = 0;
        for (double value : expected) {
            scale = Math.max(scale, Math.abs(value));
        }
        assertEquals(expected.length, actual.length, what);
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], tolerance * scale, what + ", element " + i);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldGiveTheSameBitsWithAnyNumberOfThreads(DType type) {
        int[] shape = {HUGE, 200, 700};
        List<double[]> one = new ArrayList<>();
        for (int threads = 1; threads <= 3; threads++) {
            try (Device cpu = CpuDevice.open(type, threads)) {
                List<Tensor> results = everything(cpu, type, shape, 6);
                for (int i = 0; i < results.size(); i++) {
                    double[] values = values(cpu, results.get(i));
                    if (threads == 1) {
                        one.add(values);
                    } else {
                        assertArrayEquals(one.get(i), values, "result " + i + " with " + threads + " threads");
                    }
                }
            }
        }
    }

    @Test
    void shouldMultiplyByNewWeightsOnceTheyHaveChanged() {
        try (Device cpu = CpuDevice.open(DType.FP32, 1)) {
            Tensor weights = cpu.of(new float[] {1, 2, 3, 4, 0, 0}, 6);
            Tensor weight = cpu.view(weights, 0, 2, 2);
            Tensor bias = cpu.view(weights, 4, 2);
            Tensor x = cpu.of(new float[] {1, 1}, 1, 2);
            assertArrayEquals(new double[] {3, 7}, Host.read(cpu, cpu.linear(x, weight, bias)));
            cpu.add(weights, cpu.of(new float[] {1, 1, 1, 1, 1, 1}, 6));
            assertArrayEquals(new double[] {6, 10}, Host.read(cpu, cpu.linear(x, weight, bias)));
            Host.write(cpu, weights, 0, 5, 5);
            assertArrayEquals(new double[] {11, 10}, Host.read(cpu, cpu.linear(x, weight, bias)));
            try (Device.Scope _ = cpu.openScope()) {
                Tensor scoped = cpu.of(new float[] {1, 0, 0, 1}, 2, 2);
                assertArrayEquals(new double[] {2, 2}, Host.read(cpu, cpu.linear(x, scoped, bias)));
            }
            try (Device.Scope _ = cpu.openScope()) {
                Tensor scoped = cpu.of(new float[] {2, 0, 0, 2}, 2, 2);
                assertArrayEquals(new double[] {3, 3}, Host.read(cpu, cpu.linear(x, scoped, bias)));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldPassNaNAndInfinityOnInTheirRowsOnly(DType type) {
        try (Device cpu = CpuDevice.open(type, 2)) {
            int rows = 140;
            float[] values = ones(rows * 4);
            values[4 * 3] = Float.NaN;
            values[4 * 135] = Float.POSITIVE_INFINITY;
            Tensor x = cpu.of(values, rows, 4);
            Tensor weight = cpu.of(ones(20), 5, 4);
            double[] y = values(cpu, cpu.linearGelu(x, weight, cpu.zeros(5)).outRO());
            for (int row = 0; row < rows; row++) {
                double value = y[5 * row];
                assertTrue(
                        row == 3
                                ? Double.isNaN(value)
                                : row == 135
                                        ? value == Double.POSITIVE_INFINITY
                                        : value == 4 || Math.abs(value - 4) < 0.02,
                        "row " + row + ": " + value);
            }
            Tensor dWeight = cpu.zeros(5, 4);
            cpu.linearBackwardParameters(cpu.of(ones(rows * 5), rows, 5), x, dWeight, cpu.zeros(5));
            double[] gradient = Host.read(cpu, dWeight);
            assertTrue(Double.isNaN(gradient[0]) && gradient[1] == rows, gradient[0] + " " + gradient[1]);
        }
    }
}
