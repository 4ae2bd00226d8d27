package io.kinema.train.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.Executable;

/**
 * What holds of a block of all layers: the same bits again, at any alignment, and near to float64; and of all shapes.
 */
interface ConsistencyContract extends DeviceContract {
    int HEADS = 3;
    int HEAD_WIDTH = 10;
    int BLOCK_WIDTH = HEADS * HEAD_WIDTH;

    /** A device whose inputs do not start where its memory does. */
    record Shifted(Device device, int elements) {
        Tensor normal(Random random, int... shape) {
            Tensor aligned = Host.normal(device, random, shape);
            Tensor room = device.zeros(Math.toIntExact(aligned.size()) + elements);
            Tensor shifted = device.view(room, elements, shape);
            device.add(shifted, aligned);
            return shifted;
        }
    }

    /** Forward and backward of one block of layers; all results. */
    private static List<double[]> block(Shifted in) {
        Device device = in.device();
        Random random = new Random(21);
        int rows = MIXED.total();
        List<Tensor> results = new ArrayList<>();
        Tensor x = in.normal(random, rows, BLOCK_WIDTH);
        Tensor shift = in.normal(random, MIXED.count(), BLOCK_WIDTH);
        Tensor scale = in.normal(random, MIXED.count(), BLOCK_WIDTH);
        Tensor weight = in.normal(random, 3 * BLOCK_WIDTH, BLOCK_WIDTH);
        Tensor bias = in.normal(random, 3 * BLOCK_WIDTH);
        Tensor cos = in.normal(random, rows, HEAD_WIDTH / 2);
        Tensor sin = in.normal(random, rows, HEAD_WIDTH / 2);
        Tensor gain = in.normal(random, HEAD_WIDTH);

        Tensor normed = device.modulatedLayerNorm(x, shift, scale, MIXED);
        Tensor[] parts = device.split(device.linear(normed, weight, bias), 3);
        Tensor q = device.view(parts[0], 0, rows, HEADS, HEAD_WIDTH);
        Tensor k = device.rope(device.rmsNorm(device.view(parts[1], 0, rows, HEADS, HEAD_WIDTH), gain), cos, sin);
        Tensor v = device.view(parts[2], 0, rows, HEADS, HEAD_WIDTH);
        Attention attention = device.attention(q, k, v, MIXED, MIXED);
        Tensor branch = device.gelu(device.view(attention.outLNK(), 0, rows, BLOCK_WIDTH));
        Tensor out = device.gatedResidual(x, branch, scale, MIXED);
        Collections.addAll(results, normed, k, attention.outLNK(), attention.logSumExpLN(), out);

        Tensor dGate = device.zeros(MIXED.count(), BLOCK_WIDTH);
        Tensor dBranch = device.gatedResidualBackward(out, branch, scale, MIXED, dGate);
        Tensor dAttended = device.geluBackward(dBranch, device.view(attention.outLNK(), 0, rows, BLOCK_WIDTH));
        AttentionGrad grad = device.attentionBackward(
                device.view(dAttended, 0, rows, HEADS, HEAD_WIDTH), new Qkv(q, k, v), attention, MIXED, MIXED);
        Tensor dGain = device.zeros(HEAD_WIDTH);
        Tensor dk = device.rmsNormBackward(device.ropeBackward(grad.dkLNK(), cos, sin), k, gain, dGain);
        Tensor dParts = device.concat(
                device.view(grad.dqLNK(), 0, rows, BLOCK_WIDTH),
                device.view(dk, 0, rows, BLOCK_WIDTH),
                device.view(grad.dvLNK(), 0, rows, BLOCK_WIDTH));
        Tensor dWeight = device.zeros(3 * BLOCK_WIDTH, BLOCK_WIDTH);
        Tensor dBias = device.zeros(3 * BLOCK_WIDTH);
        device.linearBackwardParameters(dParts, normed, dWeight, dBias);
        Tensor dNormed = device.linearBackwardInput(dParts, weight);
        Tensor dShift = device.zeros(MIXED.count(), BLOCK_WIDTH);
        Tensor dScale = device.zeros(MIXED.count(), BLOCK_WIDTH);
        Tensor dx = device.modulatedLayerNormBackward(dNormed, x, scale, MIXED, dShift, dScale);
        Collections.addAll(results, dGate, dGain, dWeight, dBias, dShift, dScale, dx);
        return results.stream().map(tensor -> Host.read(device, tensor)).toList();
    }

    @Test
    default void shouldGiveTheSameBitsAgainAndAtAnyAlignment() {
        for (DType dtype : types()) {
            try (Device device = open(dtype)) {
                List<double[]> first = block(new Shifted(device, 0));
                for (int elements : new int[] {0, 1, 2, 3, 5, 8, 13}) {
                    List<double[]> again = block(new Shifted(device, elements));
                    for (int i = 0; i < first.size(); i++) {
                        assertArrayEquals(first.get(i), again.get(i), "result " + i + " shifted by " + elements);
                    }
                }
            }
        }
    }

    @Test
    default void shouldStayNearFloat64InFloat32() {
        try (Device narrow = open(DType.FP32);
                Device wide = Nd4jDevice.open(DType.FP64)) {
            List<double[]> actual = block(new Shifted(narrow, 0));
            List<double[]> expected = block(new Shifted(wide, 0));
            for (int i = 0; i < expected.size(); i++) {
                double difference = 0;
                double size = 0;
                for (int j = 0; j < expected.get(i).length; j++) {
                    difference += Math.pow(actual.get(i)[j] - expected.get(i)[j], 2);
                    size += Math.pow(expected.get(i)[j], 2);
                }
                double relative = Math.sqrt(difference / size);
                assertTrue(relative > 0 && relative < 2e-5, "result " + i + ": relative difference " + relative);
            }
        }
    }

    @TestFactory
    default Stream<DynamicTest> shouldNameBothShapesWhenTheyDoNotFit() {
        Device device = open(DType.FP32);
        Tensor a = device.zeros(15, 4);
        Tensor b = device.zeros(14, 4);
        Tensor c = device.zeros(4, 5);
        Tensor heads = device.zeros(15, 2, 2);
        Tensor vector = device.zeros(3);
        Attention attention = device.attention(heads, heads, heads, MIXED, MIXED);
        return Stream.of(
                        refusal("add", () -> device.add(a, b), "[15, 4]", "[14, 4]"),
                        refusal("ema", () -> device.ema(a, b, 0.5), "[15, 4]", "[14, 4]"),
                        refusal("linear", () -> device.linear(a, c, vector), "[4, 5]", "[3, 4]"),
                        refusal("linear bias", () -> device.linear(a, b, vector), "[14, 4]", "[3, 4]"),
                        refusal("input", () -> device.linearBackwardInput(a, b), "[15, 4]", "[15, 14]"),
                        refusal(
                                "parameters",
                                () -> device.linearBackwardParameters(a, b, c, vector),
                                "[14, 4]",
                                "[15, 4]"),
                        refusal("gelu", () -> device.geluBackward(a, b), "[15, 4]", "[14, 4]"),
                        refusal("silu", () -> device.siluBackward(a, b), "[15, 4]", "[14, 4]"),
                        refusal("rms norm", () -> device.rmsNorm(a, vector), "[3]", "[4]"),
                        refusal("layer norm", () -> device.modulatedLayerNorm(a, c, c, MIXED), "[4, 5]", "[4, 4]"),
                        refusal("gate", () -> device.gatedResidual(b, a, c, MIXED), "[14, 4]", "15"),
                        refusal("rope", () -> device.rope(heads, a, b), "[15, 4]", "[15, 1]"),
                        refusal(
                                "attention",
                                () -> device.attention(heads, heads, heads, MIXED, MIXED_KEYS),
                                "[15, 2, 2]",
                                "[14, 2, 2]"),
                        refusal(
                                "attention backward",
                                () -> device.attentionBackward(
                                        a, new Qkv(heads, heads, heads), attention, MIXED, MIXED),
                                "[15, 4]",
                                "[15, 2, 2]"),
                        refusal("mean", () -> device.segmentMean(b, MIXED), "[14, 4]", "15"),
                        refusal("split", () -> device.split(a, 3), "[15, 4]", "3"),
                        refusal("concat", () -> device.concat(a, b), "[14, 4]", "[15, 4]"),
                        refusal("error", () -> device.squaredError(a, c, vector, MIXED, 1), "[4, 5]", "[15, 4]"),
                        refusal("weights", () -> device.squaredError(a, a, vector, MIXED, 1), "[3]", "[15]"),
                        refusal(
                                "mix",
                                () -> device.mix(a, a, SegmentWeights.of(1, 2), SegmentWeights.of(1, 2), MIXED),
                                "2 weights",
                                "4 segments"))
                .onClose(device::close);
    }

    private static DynamicTest refusal(String name, Executable operation, String oneShape, String otherShape) {
        return DynamicTest.dynamicTest(name, () -> {
            String message =
                    assertThrows(IllegalArgumentException.class, operation).getMessage();
            assertTrue(message.contains(oneShape) && message.contains(otherShape), message);
            assertEquals(1, message.lines().count());
        });
    }
}
