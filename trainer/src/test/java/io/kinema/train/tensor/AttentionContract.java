package io.kinema.train.tensor;

import io.kinema.train.tensor.GradientCheck.Gradient;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Attention and rotary positions. */
interface AttentionContract extends DeviceContract {
    /** Outputs and log-denominators by the definition, in float64. */
    private static double[][] definition(
            double[] q, double[] k, double[] v, int numHeads, int width, Segments queries, Segments keys) {
        int row = numHeads * width;
        double[] out = new double[queries.total() * row];
        double[] logSumExp = new double[queries.total() * numHeads];
        for (int s = 0; s < queries.count(); s++) {
            for (int i = queries.offset(s); i < queries.offset(s + 1); i++) {
                for (int n = 0; n < numHeads; n++) {
                    double[] score = new double[keys.length(s)];
                    double greatest = Double.NEGATIVE_INFINITY;
                    for (int j = 0; j < score.length; j++) {
                        for (int c = 0; c < width; c++) {
                            score[j] += q[i * row + n * width + c]
                                    * k[(keys.offset(s) + j) * row + n * width + c]
                                    / Math.sqrt(width);
                        }
                        greatest = Math.max(greatest, score[j]);
                    }
                    double sum = 0;
                    for (double value : score) {
                        sum += Math.exp(value - greatest);
                    }
                    logSumExp[i * numHeads + n] = greatest + Math.log(sum);
                    for (int j = 0; j < score.length; j++) {
                        double weight = Math.exp(score[j] - greatest) / sum;
                        for (int c = 0; c < width; c++) {
                            out[i * row + n * width + c] += weight * v[(keys.offset(s) + j) * row + n * width + c];
                        }
                    }
                }
            }
        }
        return new double[][] {out, logSumExp};
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldAttendWithinSegments(DType dtype) {
        // Lengths that differ much, and lengths that are near enough to be worked on together.
        for (Segments keys : List.of(MIXED_KEYS, MIXED)) {
            for (int[] headsAndWidth : new int[][] {{3, 4}, {1, 8}, {2, 1}}) {
                try (Device device = open(dtype)) {
                    int heads = headsAndWidth[0];
                    int width = headsAndWidth[1];
                    Random random = new Random(1);
                    double[] q = Host.normal(random, MIXED.total() * heads * width);
                    double[] k = Host.normal(random, keys.total() * heads * width);
                    double[] v = Host.normal(random, keys.total() * heads * width);
                    double[][] expected = definition(q, k, v, heads, width, MIXED, keys);
                    Attention actual = device.attention(
                            Host.tensor(device, q, MIXED.total(), heads, width),
                            Host.tensor(device, k, keys.total(), heads, width),
                            Host.tensor(device, v, keys.total(), heads, width),
                            MIXED,
                            keys);
                    assertClose(expected[0], device, actual.outLNK());
                    assertClose(expected[1], device, actual.logSumExpLN());
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldAttendWhenScoresAreTooLargeToExponentiate(DType dtype) {
        try (Device device = open(dtype)) {
            Segments one = Segments.ofLengths(2);
            // Scores 0, 3000 and −3000, 0: the far key gets all the weight.
            Tensor q = device.of(new float[] {1, -1}, 2, 1, 1);
            Tensor k = device.of(new float[] {0, 3000}, 2, 1, 1);
            Tensor v = device.of(new float[] {5, 7}, 2, 1, 1);
            Attention attention = device.attention(q, k, v, one, one);
            assertClose(new double[] {7, 5}, device, attention.outLNK());
            assertClose(new double[] {3000, 0}, device, attention.logSumExpLN());
        }
    }

    @Test
    default void shouldDifferentiateAttention() {
        // Lengths that differ much, and lengths that are near enough to be worked on together.
        for (Segments keys : List.of(MIXED_KEYS, MIXED)) {
            for (int[] headsAndWidth : new int[][] {{3, 4}, {1, 8}, {2, 1}}) {
                try (Device device = open(finest())) {
                    int heads = headsAndWidth[0];
                    int width = headsAndWidth[1];
                    Random random = new Random(2);
                    Tensor q = Host.normal(device, random, MIXED.total(), heads, width);
                    Tensor k = Host.normal(device, random, keys.total(), heads, width);
                    Tensor v = Host.normal(device, random, keys.total(), heads, width);
                    GradientCheck.check(
                            device,
                            List.of(q, k, v),
                            in -> device.attention(in.get(0), in.get(1), in.get(2), MIXED, keys)
                                    .outLNK(),
                            (dy, in) -> {
                                AttentionGrad grad = device.attentionBackward(
                                        dy,
                                        new Qkv(in.get(0), in.get(1), in.get(2)),
                                        device.attention(in.get(0), in.get(1), in.get(2), MIXED, keys),
                                        MIXED,
                                        keys);
                                return List.of(
                                        Gradient.fresh(grad.dqLNK()),
                                        Gradient.fresh(grad.dkLNK()),
                                        Gradient.fresh(grad.dvLNK()));
                            });
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldTurnPairsByTheirAngles(DType dtype) {
        for (int[] shape : new int[][] {{3, 2, 6}, {1, 1, 2}, {4, 3, 2}}) {
            try (Device device = open(dtype)) {
                Random random = new Random(3);
                int row = shape[1] * shape[2];
                int half = shape[2] / 2;
                double[] x = Host.normal(random, shape[0] * row);
                double[] cos = new double[shape[0] * half];
                double[] sin = new double[shape[0] * half];
                for (int i = 0; i < cos.length; i++) {
                    double angle = 10 * random.nextDouble();
                    cos[i] = (float) Math.cos(angle);
                    sin[i] = (float) Math.sin(angle);
                }
                double[] expected = new double[x.length];
                for (int l = 0; l < shape[0]; l++) {
                    for (int n = 0; n < shape[1]; n++) {
                        for (int i = 0; i < half; i++) {
                            int first = l * row + n * shape[2] + i;
                            double c = cos[l * half + i];
                            double d = sin[l * half + i];
                            expected[first] = x[first] * c - x[first + half] * d;
                            expected[first + half] = x[first + half] * c + x[first] * d;
                        }
                    }
                }
                Tensor cosLP = Host.tensor(device, cos, shape[0], half);
                Tensor sinLP = Host.tensor(device, sin, shape[0], half);
                Tensor turned = device.rope(Host.tensor(device, x, shape), cosLP, sinLP);
                assertClose(expected, device, turned);
                if (dtype == DType.FP64) {
                    GradientCheck.check(
                            device,
                            List.of(Host.tensor(device, x, shape)),
                            in -> device.rope(in.get(0), cosLP, sinLP),
                            (dy, _) -> List.of(Gradient.fresh(device.ropeBackward(dy, cosLP, sinLP))));
                }
            }
        }
    }
}
