package io.kinema.train.tensor.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.cpu.RowOperations.Operation;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RowOperationsTest {
    /** Of sums over rows and of the norms' own roundings, relative to the largest value. */
    private static final double FP32_ERROR = 3e-6;
    /** Half a unit in the last of 8 binary digits, relative to each value. */
    private static final double BF16_ERROR = 0x1p-8;

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldAgreeWithFloat64(DType workingType) {
        for (Operation operation : RowOperations.everything(workingType)) {
            try (CpuDevice device = CpuDevice.open(workingType, 1);
                    Nd4jDevice oracle = Nd4jDevice.open(DType.FP64)) {
                List<double[]> expected = operation.on(oracle, 0);
                List<Tensor> actual = operation.results(device, 1);
                for (int i = 0; i < expected.size(); i++) {
                    boolean narrow = actual.get(i).dtype() == DType.BF16;
                    assertClose(expected.get(i), Given.read(device, actual.get(i)), narrow, operation + ": " + i);
                }
            }
        }
    }

    private static void assertClose(double[] expected, double[] actual, boolean narrow, String what) {
        assertEquals(expected.length, actual.length, what);
        double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        for (int i = 0; i < expected.length; i++) {
            double error = FP32_ERROR * Math.max(1, largest) + (narrow ? BF16_ERROR * Math.abs(expected[i]) : 0);
            assertEquals(expected[i], actual[i], error, what + " element " + i);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldGiveTheSameBitsForAnyNumberOfThreadsAndAnyAlignment(DType workingType) {
        for (Operation operation : RowOperations.everything(workingType)) {
            List<double[]> first;
            try (CpuDevice device = CpuDevice.open(workingType, 1)) {
                first = operation.on(device, 0);
            }
            for (int threads = 2; threads <= 3; threads++) {
                try (CpuDevice device = CpuDevice.open(workingType, threads)) {
                    List<double[]> again = operation.on(device, threads);
                    for (int i = 0; i < first.size(); i++) {
                        assertArrayEquals(first.get(i), again.get(i), operation + " with " + threads + " threads");
                    }
                }
            }
        }
    }
}
