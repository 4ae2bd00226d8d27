package io.kinema.train.tensor.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Host;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Stretch;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.cpu.RowOperations.Operation;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
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
        try (CpuDevice device = CpuDevice.open(workingType, 1);
                Device oracle = Nd4jDevice.open(DType.FP64)) {
            for (Operation operation : RowOperations.everything(workingType)) {
                try (Device.Scope _ = device.openScope();
                        Device.Scope _ = oracle.openScope()) {
                    List<double[]> expected = operation.on(oracle, 0);
                    List<Tensor> actual = operation.results(device, 1);
                    for (int i = 0; i < expected.size(); i++) {
                        boolean narrow = actual.get(i).dtype() == DType.BF16;
                        assertClose(expected.get(i), Given.read(device, actual.get(i)), narrow, operation + ": " + i);
                    }
                }
            }
        }
    }

    static void assertClose(double[] expected, double[] actual, boolean narrow, String what) {
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
        try (CpuDevice one = CpuDevice.open(workingType, 1);
                CpuDevice two = CpuDevice.open(workingType, 2);
                CpuDevice three = CpuDevice.open(workingType, 3)) {
            for (Operation operation : RowOperations.everything(workingType)) {
                List<double[]> expected = scoped(operation, one, 0);
                for (CpuDevice device : List.of(two, three)) {
                    List<double[]> again = scoped(operation, device, device == two ? 1 : 6);
                    for (int i = 0; i < expected.size(); i++) {
                        assertArrayEquals(expected.get(i), again.get(i), operation + ": " + i);
                    }
                }
            }
        }
    }

    private static List<double[]> scoped(Operation operation, Device device, int shift) {
        try (Device.Scope _ = device.openScope()) {
            return operation.on(device, shift);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldShowWhatIsNotFiniteInEveryOperandAndResult(DType workingType) {
        List<Operation> operations = new ArrayList<>(RowOperations.ofRows(1, workingType, 3, 19));
        operations.addAll(RowOperations.ofSegments(2, workingType, Segments.ofLengths(2, 1), 19));
        operations.addAll(RowOperations.ofHeads(3, workingType, 3, 2, 10));
        try (CpuDevice device = CpuDevice.open(workingType, 1);
                Device oracle = Nd4jDevice.open(DType.FP64)) {
            for (Operation operation : operations) {
                for (double broken : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
                    for (int operand = 0; operand < operation.operands().size(); operand++) {
                        Operation changed = operation.with(operand, broken);
                        List<double[]> expected = scoped(changed, oracle, 0);
                        List<double[]> actual = scoped(changed, device, 1);
                        for (int i = 0; i < expected.size(); i++) {
                            String what = changed + " with " + broken + " in operand " + operand + ": " + i;
                            assertShown(expected.get(i), actual.get(i), changed.isOfHeads(), what);
                        }
                    }
                }
            }
        }
    }

    /**
     * The oracle turns heads by products with matrices, which spread a NaN over all of a head: here fewer elements may
     * show it.
     */
    private static void assertShown(double[] expected, double[] actual, boolean fewer, String what) {
        boolean shown = false;
        for (int i = 0; i < expected.length; i++) {
            boolean finite = Double.isFinite(actual[i]);
            shown |= !finite;
            if (!fewer || !finite) {
                assertEquals(Double.isFinite(expected[i]), finite, what + " element " + i);
            }
        }
        assertEquals(!Arrays.stream(expected).allMatch(Double::isFinite), shown, what);
    }

    @Test
    void shouldRefuseToAddUpInFewerDigits() {
        try (CpuDevice device = CpuDevice.open(DType.BF16, 1)) {
            Tensor x = device.zeros(DType.BF16, 2, 4);
            Tensor weight = device.zeros(DType.BF16, 4);
            String message = assertThrows(
                            IllegalArgumentException.class, () -> device.rmsNormBackward(x, x, weight, weight))
                    .getMessage();
            assertEquals("dWeight [4] is BF16 where FP32 is needed", message);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldSumSquaresOfBlocksWhereverTheyStand(DType type) {
        Given given = Given.normal(new Random(4), type, 8 * 1500);
        try (CpuDevice device = CpuDevice.open(type, 2)) {
            for (int block : new int[] {1, 3, 1500, 6000}) {
                double[] sums = Host.sumOfSquares(device, given.on(device, 0), block);
                assertArrayEquals(sums, Host.sumOfSquares(device, given.on(device, 3), block));
                for (int i = 0; i < sums.length; i++) {
                    double expected = 0;
                    for (int j = i * block; j < (i + 1) * block; j++) {
                        expected += given.values()[j] * given.values()[j];
                    }
                    assertEquals(expected, sums[i], 1e-12 * expected, "block " + i + " of " + block);
                }
            }
        }
    }

    private static AdamWStep step(long size) {
        List<Stretch> alike = List.of(new Stretch(0, size, ParameterAttributes.DECAYED));
        return new AdamWStep(0.01, 0.9, 0.99, 1e-8, 0.1, 3, 0.7, alike);
    }

    /** As ranks that own parts of a vector do. */
    @Test
    void shouldUpdatePiecewiseAsWhole() {
        int size = 3 * Device.SHARD_ALIGNMENT;
        Random random = new Random(5);
        List<Given> given = List.of(
                Given.normal(random, DType.FP32, size),
                Given.normal(random, DType.FP32, size),
                Given.normal(random, DType.FP32, size),
                new Given(
                        DType.FP32,
                        new int[] {size},
                        random.doubles(size)
                                .map(v -> Math.scalb(Math.rint(Math.scalb(v, 20)), -20))
                                .toArray()),
                Given.normal(random, DType.BF16, size));
        try (CpuDevice device = CpuDevice.open(DType.BF16, 2)) {
            Tensor[] whole = given.stream().map(g -> g.on(device, 0)).toArray(Tensor[]::new);
            Tensor[] cut = given.stream().map(g -> g.on(device, 0)).toArray(Tensor[]::new);
            device.adamw(whole[0], whole[1], whole[2], whole[3], whole[4], step(size));
            int[] bounds = {0, Device.SHARD_ALIGNMENT, size};
            for (int i = 0; i + 1 < bounds.length; i++) {
                int first = bounds[i];
                int length = bounds[i + 1] - first;
                Tensor[] part = Arrays.stream(cut)
                        .map(t -> device.view(t, first, length))
                        .toArray(Tensor[]::new);
                device.adamw(part[0], part[1], part[2], part[3], part[4], step(length));
            }
            for (int i = 0; i < whole.length; i++) {
                assertArrayEquals(Given.read(device, whole[i]), Given.read(device, cut[i]), "operand " + i);
            }
        }
    }
}
