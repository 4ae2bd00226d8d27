package io.kinema.train.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The nd4j device in mixed precision: every operation on values of FP16 against the same in FP64. */
final class Nd4jMixedTest {
    /** Half a unit in the last of 11 binary digits. */
    private static final double FP16_ERROR = 0x1p-11;

    /** Of sums in FP32, relative to the largest result. */
    private static final double FP32_ERROR = 4e-6;

    private static final Segments SEGMENTS = Segments.ofLengths(5, 1, 7);
    private static final Segments KEYS = Segments.ofLengths(3, 4, 6);
    private static final int ROWS = 13;
    private static final int WIDTH = 12;
    private static final int HEAD = 6;

    /** Makes the operands of both devices: the same values, each of FP16. */
    private static final class Operands {
        private final Device device;
        private final Random random = new Random(1);

        Operands(Device device) {
            this.device = device;
        }

        /** An activation, a weight, or the gradient of either stream. */
        Tensor half(int... shape) {
            Tensor exact = wide(shape);
            Tensor tensor = device.zeros(device.workingType(), shape);
            device.copy(tensor, exact);
            return tensor;
        }

        /** A residual stream or its gradient, what a product rounds first. */
        Tensor wide(int... shape) {
            double[] values = Host.normal(random, (int) Shapes.sizeOf(shape));
            for (int i = 0; i < values.length; i++) {
                values[i] = Float.float16ToFloat(Float.floatToFloat16((float) values[i]));
            }
            return Host.tensor(device, values, shape);
        }

        Tensor sums(int... shape) {
            return device.zeros(shape);
        }
    }

    /** Computes; every tensor that is returned is compared. */
    private interface Operation {
        List<Tensor> on(Device device, Operands given);
    }

    private static Map<String, Operation> operations() {
        Map<String, Operation> all = new LinkedHashMap<>();
        putProducts(all);
        putRows(all);
        putSegments(all);
        return all;
    }

    private static void putProducts(Map<String, Operation> all) {
        all.put("add", (device, given) -> {
            Tensor into = given.half(ROWS, WIDTH);
            device.add(into, given.wide(ROWS, WIDTH));
            Tensor stream = given.wide(ROWS, WIDTH);
            device.add(stream, given.half(ROWS, WIDTH));
            return List.of(into, stream);
        });
        all.put(
                "linear",
                (device, given) ->
                        List.of(device.linear(given.half(ROWS, WIDTH), given.half(7, WIDTH), given.half(7))));
        all.put("linearGelu", (device, given) -> {
            Activated activated = device.linearGelu(given.wide(ROWS, WIDTH), given.half(7, WIDTH), given.half(7));
            return List.of(activated.innerRO());
        });
        all.put(
                "linearResidual",
                (device, given) -> List.of(device.linearResidual(
                        given.half(ROWS, WIDTH), given.half(7, WIDTH), given.half(7), given.wide(ROWS, 7))));
        all.put("linearBackward", (device, given) -> {
            Tensor dy = given.wide(ROWS, 7);
            Tensor dWeight = given.sums(7, WIDTH);
            Tensor dBias = given.sums(7);
            Tensor dx = device.linearBackwardInput(dy, given.half(7, WIDTH));
            device.linearBackwardParameters(dy, given.half(ROWS, WIDTH), dWeight, dBias);
            device.linearBackwardParameters(dy, given.half(ROWS, WIDTH), dWeight, dBias);
            return List.of(dx, dWeight, dBias);
        });
    }

    private static void putRows(Map<String, Operation> all) {
        all.put("activations", (device, given) -> {
            Tensor x = given.half(ROWS, WIDTH);
            Tensor dy = given.half(ROWS, WIDTH);
            return List.of(device.gelu(x), device.geluBackward(dy, x), device.silu(x), device.siluBackward(dy, x));
        });
        all.put("rmsNorm", (device, given) -> {
            Tensor x = given.wide(ROWS, WIDTH);
            Tensor weight = given.half(WIDTH);
            Tensor dWeight = given.sums(WIDTH);
            Tensor y = device.rmsNorm(x, weight);
            return List.of(y, device.rmsNormBackward(given.half(ROWS, WIDTH), x, weight, dWeight), dWeight);
        });
        all.put("modulatedLayerNorm", (device, given) -> {
            Tensor x = given.wide(ROWS, WIDTH);
            Tensor scale = given.half(3, WIDTH);
            Tensor dShift = given.sums(3, WIDTH);
            Tensor dScale = given.sums(3, WIDTH);
            Tensor y = device.modulatedLayerNorm(x, given.half(3, WIDTH), scale, SEGMENTS);
            Tensor dx = device.modulatedLayerNormBackward(given.half(ROWS, WIDTH), x, scale, SEGMENTS, dShift, dScale);
            return List.of(y, dx, dShift, dScale);
        });
        all.put("gatedResidual", (device, given) -> {
            Tensor y = given.half(ROWS, WIDTH);
            Tensor gate = given.half(3, WIDTH);
            Tensor dGate = given.sums(3, WIDTH);
            Tensor out = device.gatedResidual(given.wide(ROWS, WIDTH), y, gate, SEGMENTS);
            return List.of(out, device.gatedResidualBackward(given.wide(ROWS, WIDTH), y, gate, SEGMENTS, dGate), dGate);
        });
        all.put("heads", (device, given) -> {
            Tensor qkv = given.half(ROWS, 3 * WIDTH);
            HeadRotation by = new HeadRotation(
                    given.half(HEAD), given.half(HEAD), given.wide(ROWS, HEAD / 2), given.wide(ROWS, HEAD / 2));
            Qkv heads = device.heads(qkv, by);
            AttentionGrad grad =
                    new AttentionGrad(given.half(ROWS, 2, HEAD), given.half(ROWS, 2, HEAD), given.half(ROWS, 2, HEAD));
            Tensor dQueryNorm = given.sums(HEAD);
            Tensor dKeyNorm = given.sums(HEAD);
            Tensor dQkv = device.headsBackward(grad, qkv, by, dQueryNorm, dKeyNorm);
            return List.of(heads.qLNK(), heads.kLNK(), heads.vLNK(), dQkv, dQueryNorm, dKeyNorm);
        });
        all.put("rope", (device, given) -> {
            Tensor cos = given.wide(ROWS, HEAD / 2);
            Tensor sin = given.wide(ROWS, HEAD / 2);
            Tensor x = given.half(ROWS, 2, HEAD);
            return List.of(device.rope(x, cos, sin), device.ropeBackward(x, cos, sin));
        });
    }

    private static void putSegments(Map<String, Operation> all) {
        all.put("attention", (device, given) -> {
            Qkv qkv = new Qkv(given.half(ROWS, 2, HEAD), given.half(ROWS, 2, HEAD), given.half(ROWS, 2, HEAD));
            Attention forward = device.attention(qkv.qLNK(), qkv.kLNK(), qkv.vLNK(), SEGMENTS, KEYS);
            return List.of(forward.outLNK(), forward.logSumExpLN());
        });
        all.put("segments", (device, given) -> {
            Tensor table = given.half(9, WIDTH);
            RowIds ids = RowIds.of(3, 0, 8, 3);
            Tensor dTable = given.sums(9, WIDTH);
            device.embeddingBackward(given.wide(4, WIDTH), ids, dTable);
            return List.of(
                    device.segmentMean(given.half(ROWS, WIDTH), SEGMENTS),
                    device.segmentMeanBackward(given.half(3, WIDTH), SEGMENTS),
                    device.embedding(table, ids),
                    dTable,
                    device.mix(
                            given.wide(ROWS, WIDTH),
                            given.wide(ROWS, WIDTH),
                            SegmentWeights.of(1, 2, 3),
                            SegmentWeights.of(-1, 0, 4),
                            SEGMENTS));
        });
        all.put("columns", (device, given) -> {
            Tensor[] parts = device.split(given.half(ROWS, WIDTH), 2);
            return List.of(parts[0], parts[1], device.concat(given.sums(ROWS, 2), parts[1], given.half(ROWS, 3)));
        });
        all.put("squaredError", (device, given) -> {
            SquaredError error = device.squaredError(
                    given.half(ROWS, WIDTH), given.wide(ROWS, WIDTH), given.wide(ROWS), SEGMENTS, 0.125);
            return List.of(error.dPrediction(), Host.tensor(device, device.read(error.sumS()), 3));
        });
    }

    private static double[] values(Device device, Tensor tensor) {
        Tensor copy = device.zeros(tensor.shape());
        device.copy(copy, tensor);
        return Host.read(device, copy);
    }

    @Test
    void shouldRoundEveryResultOnceToItsType() {
        try (Device mixed = Nd4jDevice.open(DType.FP16);
                Device exact = Nd4jDevice.open(DType.FP64)) {
            operations().forEach((name, operation) -> {
                try (Device.Scope _ = mixed.openScope();
                        Device.Scope _ = exact.openScope()) {
                    List<Tensor> expected = operation.on(exact, new Operands(exact));
                    List<Tensor> actual = operation.on(mixed, new Operands(mixed));
                    for (int i = 0; i < expected.size(); i++) {
                        assertClose(
                                Host.read(exact, expected.get(i)),
                                values(mixed, actual.get(i)),
                                actual.get(i).dtype(),
                                name + ": " + i);
                    }
                }
            });
        }
    }

    private static void assertClose(double[] expected, double[] actual, DType type, String what) {
        assertEquals(expected.length, actual.length, what);
        double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        for (int i = 0; i < expected.length; i++) {
            double error =
                    FP32_ERROR * Math.max(1, largest) + (type == DType.FP16 ? FP16_ERROR * Math.abs(expected[i]) : 0);
            assertEquals(expected[i], actual[i], error, what + ", element " + i);
        }
    }

    /** What backward takes from forward is rounded, so it is compared over both. */
    @Test
    void shouldDifferentiateAttentionOfWhatItHasStored() {
        try (Device mixed = Nd4jDevice.open(DType.FP16);
                Device exact = Nd4jDevice.open(DType.FP64)) {
            List<Tensor> expected = attentionGradients(exact, new Operands(exact));
            List<Tensor> actual = attentionGradients(mixed, new Operands(mixed));
            for (int i = 0; i < expected.size(); i++) {
                double[] right = Host.read(exact, expected.get(i));
                double[] found = values(mixed, actual.get(i));
                for (int j = 0; j < right.length; j++) {
                    assertEquals(right[j], found[j], 8 * FP16_ERROR, "gradient " + i + ", element " + j);
                }
            }
        }
    }

    private static List<Tensor> attentionGradients(Device device, Operands given) {
        Qkv qkv = new Qkv(given.half(ROWS, 2, HEAD), given.half(ROWS, 2, HEAD), given.half(ROWS, 2, HEAD));
        Attention forward = device.attention(qkv.qLNK(), qkv.kLNK(), qkv.vLNK(), SEGMENTS, KEYS);
        AttentionGrad grad = device.attentionBackward(given.half(ROWS, 2, HEAD), qkv, forward, SEGMENTS, KEYS);
        return List.of(grad.dqLNK(), grad.dkLNK(), grad.dvLNK());
    }

    @Test
    void shouldKeepStreamsAndSumsInFp32() {
        try (Device device = Nd4jDevice.open(DType.FP16)) {
            assertEquals(DType.FP32, device.dtype());
            assertEquals(DType.FP16, device.workingType());
            Operands given = new Operands(device);
            Tensor stream = given.wide(ROWS, WIDTH);
            Tensor half = given.half(ROWS, WIDTH);
            Tensor weight = given.half(WIDTH, WIDTH);
            Tensor bias = given.half(WIDTH);
            Tensor gate = given.half(3, WIDTH);
            Gated gated = device.linearGatedResidual(half, weight, bias, stream, gate, SEGMENTS);
            assertEquals(DType.FP16, gated.branchLD().dtype());
            assertEquals(DType.FP32, gated.outLD().dtype());
            assertEquals(
                    DType.FP32,
                    device.linearResidual(half, weight, bias, stream).dtype());
            assertEquals(DType.FP16, device.linear(stream, weight, bias).dtype());
            assertEquals(DType.FP32, device.embedding(weight, RowIds.of(1)).dtype());
            assertEquals(
                    DType.FP32,
                    device.rmsNormBackward(half, stream, bias, device.zeros(WIDTH))
                            .dtype());
            assertEquals(
                    DType.FP16,
                    device.squaredError(half, stream, given.wide(ROWS), SEGMENTS, 1)
                            .dPrediction()
                            .dtype());
        }
    }

    /** A sum of 4,096 ones and a half: added in FP16 it would stop at 2,048. */
    @Test
    void shouldAddProductsInFp32() {
        try (Device device = Nd4jDevice.open(DType.FP16)) {
            int rows = 4097;
            float[] ones = new float[rows];
            Arrays.fill(ones, 1);
            ones[rows - 1] = 0.5f;
            Tensor dy = device.zeros(DType.FP16, rows, 1);
            device.copy(dy, device.of(ones, rows, 1));
            Tensor dWeight = device.zeros(1, 1);
            Tensor dBias = device.zeros(1);
            device.linearBackwardParameters(dy, device.of(ones, rows, 1), dWeight, dBias);
            assertArrayEquals(new double[] {4096.25}, Host.read(device, dWeight));
            assertArrayEquals(new double[] {4096.5}, Host.read(device, dBias));
        }
    }

    @Test
    void shouldShowOverflowAndLoseWhatIsTooSmall() {
        try (Device device = Nd4jDevice.open(DType.FP16)) {
            Tensor x = device.of(new float[] {300, 0.0001f}, 2, 1);
            double[] y = values(device, device.linear(x, device.of(new float[] {300}, 1, 1), device.zeros(1)));
            assertEquals(Double.POSITIVE_INFINITY, y[0]);
            Tensor dx = device.linearBackwardInput(x, device.of(new float[] {0.0001f}, 1, 1));
            assertEquals(0, values(device, dx)[1]);
        }
    }

    @Test
    void shouldReadAndWriteHalvesAtAnyPlace() {
        try (Device device = Nd4jDevice.open(DType.FP16)) {
            Tensor tensor = device.zeros(DType.FP16, 3, 5);
            MemorySegment bytes =
                    MemorySegment.ofArray(new short[] {Float.floatToFloat16(1.5f), Float.floatToFloat16(-65_504)});
            device.write(tensor, 4, bytes);
            Tensor part = device.view(tensor, 3, 4);
            assertArrayEquals(new double[] {0, 1.5, -65_504, 0}, values(device, part));
            MemorySegment back = MemorySegment.ofArray(new short[2]);
            device.read(part, 1, back);
            assertEquals(-1, back.mismatch(bytes));
            assertEquals(Float.floatToFloat16(1.5f), back.get(ValueLayout.JAVA_SHORT, 0));
        }
    }

    @Test
    void shouldRefuseTypesThatItDoesNotHave() {
        assertThrows(IllegalArgumentException.class, () -> Nd4jDevice.open(DType.BF16));
        try (Device device = Nd4jDevice.open(DType.FP16)) {
            assertThrows(IllegalArgumentException.class, () -> device.zeros(DType.FP64, 2));
            assertTrue(device.zeros(2).dtype() == DType.FP32
                    && device.zeros(DType.FP16, 2).dtype() == DType.FP16);
        }
    }
}
