package io.kinema.train.tensor.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Attention by tiles, forward and backward, against the nd4j device in float64. */
final class FlashAttentionTest {
    /** The root mean square of a difference, relative to that of the expected values. */
    private static double relativeDifference(double[] expected, double[] actual) {
        assertEquals(expected.length, actual.length);
        double difference = 0;
        double size = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow(actual[i] - expected[i], 2);
            size += Math.pow(expected[i], 2);
        }
        return Math.sqrt(difference / size);
    }

    static void assertNear(AttentionProblem problem, double[][] actual) {
        double[][] expected = problem.definition();
        for (int i = 0; i < expected.length; i++) {
            String name = AttentionBench.RESULTS.get(i) + " of " + problem.queries() + problem.keys() + " width "
                    + problem.width();
            // One rounding to 8 bits of what is stored, which reaches the gradients of queries and keys through the
            // outputs, too.
            double tolerance = problem.type() == DType.FP32 || i == 1 ? 3e-6 : 8e-3;
            // A single key: no gradient goes to queries and keys, so that there is nothing to be relative to.
            double size = Arrays.stream(expected[i]).map(Math::abs).max().orElseThrow();
            double floor = problem.type() == DType.FP32 ? 1e-6 : 2e-2;
            if (size < 1e-9) {
                for (double value : actual[i]) {
                    assertEquals(0, value, floor, name);
                }
            } else {
                double relative = relativeDifference(expected[i], actual[i]);
                assertTrue(relative <= tolerance, name + ": " + relative);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldAgreeWithFloat64AtEveryLength(DType type) {
        try (AttentionBench bench = new AttentionBench(type, 2, false)) {
            for (int tokens : new int[] {1, 2, 15, 16, 17, 64, 65, 127, 128, 129, 255, 256, 257, 300, 513}) {
                int[] lengths = {tokens};
                AttentionProblem problem = AttentionProblem.random(type, 2, 10, lengths, lengths);
                assertNear(problem, bench.solve(problem));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldAgreeWithFloat64AtEveryWidth(DType type) {
        try (AttentionBench bench = new AttentionBench(type, 2, false)) {
            for (int width : new int[] {1, 2, 6, 10, 16, 24, 32, 64, 72, 80, 128}) {
                AttentionProblem problem =
                        AttentionProblem.random(type, 3, width, new int[] {37, 5}, new int[] {21, 290});
                assertNear(problem, bench.solve(problem));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldAgreeWithFloat64WhenLengthsAreMixed(DType type) {
        Random random = new Random(5);
        try (AttentionBench bench = new AttentionBench(type, 2, false)) {
            for (int i = 0; i < 6; i++) {
                int[] queries = random.ints(7, 1, 400).toArray();
                int[] keys = random.ints(7, 1, i < 3 ? 400 : 60).toArray();
                keys[i] = 1;
                AttentionProblem problem = AttentionProblem.random(type, 2, 32, queries, keys);
                assertNear(problem, bench.solve(problem));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldAgreeWithFloat64WhenKeysTakeSeveralStripes(DType type) {
        try (AttentionBench bench = new AttentionBench(type, 2, false)) {
            // Heads, queries and keys of the long segment; of six heads with three stripes each, not all are worked on
            // at once.
            for (int[] of : new int[][] {{1, 2049, 2049}, {6, 20, 4500}, {2, 2100, 30}}) {
                AttentionProblem problem =
                        AttentionProblem.random(type, of[0], 16, new int[] {3, of[1], 40}, new int[] {5, of[2], 40});
                assertNear(problem, bench.solve(problem));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldGiveTheSameBitsWithAnyNumberOfThreads(DType type) {
        int[] lengths = {1, 300, 2049, 16, 700, 33};
        int[] keys = {40, 300, 4100, 16, 9, 1};
        AttentionProblem problem = AttentionProblem.random(type, 3, 10, lengths, keys);
        double[][] alone;
        try (AttentionBench bench = new AttentionBench(type, 1, false)) {
            alone = bench.solve(problem);
        }
        for (int threads : new int[] {2, 3}) {
            try (AttentionBench bench = new AttentionBench(type, threads, false)) {
                for (int again = 0; again < 2; again++) {
                    double[][] together = bench.solve(problem);
                    for (int i = 0; i < alone.length; i++) {
                        assertArrayEquals(
                                alone[i], together[i], AttentionBench.RESULTS.get(i) + " with threads " + threads);
                    }
                }
            }
        }
    }

    @Test
    void shouldAttendOverManyTokensInBoundedMemory() {
        int tokens = 16_384;
        int width = 64;
        int[] lengths = {tokens};
        AttentionProblem problem = AttentionProblem.random(DType.FP32, 1, width, lengths, lengths);
        try (AttentionBench bench = new AttentionBench(DType.FP32, 2, false)) {
            double[][] actual = bench.solve(problem);
            for (int row : new int[] {0, 1, 4095, 8192, 12_345, tokens - 1}) {
                assertRow(problem, row, actual);
            }
            long tensors = 8L * tokens * width * Float.BYTES;
            long peak = bench.memory.workspacePeakBytes();
            // Beside the tensors: eight stripes' gradients of queries, and for each of two threads five packed
            // matrices.
            assertTrue(peak < tensors + 20L * tokens * width * Float.BYTES, "workspace " + peak);
        }
    }

    /** Compares one query's output, log-denominator and gradient with the definition. */
    private static void assertRow(AttentionProblem problem, int row, double[][] actual) {
        int width = problem.width();
        double[] weights = new double[problem.keys().total()];
        double sum = 0;
        for (int j = 0; j < weights.length; j++) {
            weights[j] = Math.exp(dot(problem.values()[0], row, problem.values()[1], j, width) / Math.sqrt(width));
            sum += weights[j];
        }
        double[] out = new double[width];
        for (int j = 0; j < weights.length; j++) {
            weights[j] /= sum;
            for (int c = 0; c < width; c++) {
                out[c] += weights[j] * problem.values()[2][j * width + c];
            }
        }
        double alignment = 0;
        for (int c = 0; c < width; c++) {
            alignment += problem.values()[3][row * width + c] * out[c];
        }
        double[] dq = new double[width];
        for (int j = 0; j < weights.length; j++) {
            double gradient = weights[j] * (dot(problem.values()[3], row, problem.values()[2], j, width) - alignment);
            for (int c = 0; c < width; c++) {
                dq[c] += gradient * problem.values()[1][j * width + c] / Math.sqrt(width);
            }
        }
        assertEquals(Math.log(sum), actual[1][row], 1e-5, "log-denominator of row " + row);
        double relative = relativeDifference(out, Arrays.copyOfRange(actual[0], row * width, (row + 1) * width));
        assertTrue(relative < 1e-5, "output of row " + row + ": " + relative);
        relative = relativeDifference(dq, Arrays.copyOfRange(actual[2], row * width, (row + 1) * width));
        assertTrue(relative < 1e-5, "gradient of row " + row + ": " + relative);
    }

    private static double dot(double[] a, int aRow, double[] b, int bRow, int width) {
        double sum = 0;
        for (int c = 0; c < width; c++) {
            sum += a[aRow * width + c] * b[bRow * width + c];
        }
        return sum;
    }

    @Test
    void shouldTakeAsMuchMemoryAsItPlans() {
        AttentionProblem problem =
                AttentionProblem.random(DType.FP32, 2, 16, new int[] {300, 2500}, new int[] {40, 2500});
        try (AttentionBench bench = new AttentionBench(DType.FP32, 2, false);
                AttentionBench plan = new AttentionBench(DType.FP32, 2, true)) {
            bench.solve(problem);
            try (Device.Scope _ = plan.memory.openScope()) {
                CpuTensor[] in = new CpuTensor[problem.values().length];
                Arrays.setAll(in, i -> plan.memory.allocate(problem.type(), problem.shape(i)));
                Attention attention = plan.forward.attention(in[0], in[1], in[2], problem.queries(), problem.keys());
                plan.backward.attentionBackward(
                        in[3], new Qkv(in[0], in[1], in[2]), attention, problem.queries(), problem.keys());
            }
            assertEquals(bench.memory.workspacePeakBytes(), plan.memory.workspacePeakBytes());
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldNotOverflowWhenScoresAreLarge(DType type) {
        try (AttentionBench bench = new AttentionBench(type, 2, false)) {
            // Scores of about ±40,000: one key has all the weight, and rounding of the scores decides nothing.
            AttentionProblem problem = AttentionProblem.random(type, 2, 16, new int[] {300}, new int[] {520})
                    .with(0, x -> 200 * x)
                    .with(1, x -> 200 * x);
            double[][] expected = problem.definition();
            double[][] actual = bench.solve(problem);
            assertTrue(relativeDifference(expected[0], actual[0]) < (type == DType.FP32 ? 2e-2 : 3e-2));
            assertTrue(relativeDifference(expected[1], actual[1]) < 1e-6);
            for (int i = 2; i < actual.length; i++) {
                assertTrue(Arrays.stream(actual[i]).allMatch(Double::isFinite), AttentionBench.RESULTS.get(i));
            }
            assertTrue(relativeDifference(expected[4], actual[4]) < 3e-2);
        }
    }

    /** Which elements a NaN turns NaN, of its own segment and head. */
    private enum Reach {
        NOTHING,
        ITS_ROW,
        ITS_COLUMN,
        ALL
    }

    /** By the input that holds it, then by result. */
    private static final Reach[][] REACH = {
        {Reach.ITS_ROW, Reach.ITS_ROW, Reach.ITS_ROW, Reach.ALL, Reach.ALL},
        {Reach.ALL, Reach.ALL, Reach.ALL, Reach.ALL, Reach.ALL},
        {Reach.ITS_COLUMN, Reach.NOTHING, Reach.ALL, Reach.ALL, Reach.NOTHING},
        {Reach.NOTHING, Reach.NOTHING, Reach.ITS_ROW, Reach.ALL, Reach.ITS_COLUMN}
    };

    /** Whether an element of a result belongs to the second head of the middle segment. */
    private static boolean isInside(AttentionProblem problem, int result, int element) {
        Segments segments = result <= 2 ? problem.queries() : problem.keys();
        int columns = result == 1 ? 1 : problem.width();
        int token = element / (2 * columns);
        return token >= segments.offset(1) && token < segments.offset(2) && element / columns % 2 == 1;
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void shouldPassNaNOnToAllThatDependsOnItAndNothingElse(DType type) {
        int width = 16;
        int column = 3;
        AttentionProblem clean =
                AttentionProblem.random(type, 2, width, new int[] {300, 40, 17}, new int[] {280, 530, 17});
        try (AttentionBench bench = new AttentionBench(type, 2, false)) {
            double[][] expected = bench.solve(clean);
            for (int tensor = 0; tensor < REACH.length; tensor++) {
                // The last row of the middle segment, second head: padding follows, then another segment.
                Segments segments = tensor == 0 || tensor == 3 ? clean.queries() : clean.keys();
                int token = segments.offset(2) - 1;
                double[][] actual = bench.solve(clean.with(tensor, (token * 2 + 1) * width + column, Double.NaN));
                for (int i = 0; i < actual.length; i++) {
                    int columns = i == 1 ? 1 : width;
                    for (int j = 0; j < actual[i].length; j++) {
                        boolean reached = isInside(clean, i, j)
                                && switch (REACH[tensor][i]) {
                                    case NOTHING -> false;
                                    case ITS_ROW -> j / (2 * columns) == token;
                                    case ITS_COLUMN -> j % columns == column;
                                    case ALL -> true;
                                };
                        assertEquals(
                                reached ? Double.NaN : expected[i][j],
                                actual[i][j],
                                AttentionBench.RESULTS.get(i) + " at " + j + " of a NaN in input " + tensor);
                    }
                }
            }
        }
    }

    @Test
    void shouldPassInfinityOnWithinItsSegment() {
        AttentionProblem clean =
                AttentionProblem.random(DType.FP32, 2, 16, new int[] {300, 40, 17}, new int[] {280, 530, 17});
        try (AttentionBench bench = new AttentionBench(DType.FP32, 2, false)) {
            double[][] expected = bench.solve(clean);
            for (double infinity : new double[] {Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
                for (int tensor = 0; tensor < 4; tensor++) {
                    Segments segments = tensor == 0 || tensor == 3 ? clean.queries() : clean.keys();
                    int token = segments.offset(1);
                    double[][] actual = bench.solve(clean.with(tensor, (token * 2 + 1) * 16, infinity));
                    for (int i = 0; i < actual.length; i++) {
                        for (int j = 0; j < actual[i].length; j++) {
                            if (!isInside(clean, i, j)) {
                                assertEquals(expected[i][j], actual[i][j], AttentionBench.RESULTS.get(i) + " at " + j);
                            }
                        }
                    }
                    assertFalse(Arrays.stream(actual[3]).allMatch(Double::isFinite), "input " + tensor);
                }
            }
        }
    }

    @Test
    void shouldNameBothShapesWhenTheyDoNotFit() {
        Segments segments = Segments.ofLengths(3, 2);
        try (AttentionBench bench = new AttentionBench(DType.FP32, 1, false)) {
            CpuTensor q = bench.memory.allocate(DType.FP32, 5, 2, 4);
            CpuTensor other = bench.memory.allocate(DType.FP32, 4, 2, 4);
            String message = assertThrows(
                            IllegalArgumentException.class,
                            () -> bench.forward.attention(q, other, q, segments, segments))
                    .getMessage();
            assertEquals("k has shape [4, 2, 4] where [5, 2, 4] is needed", message);
            message = assertThrows(
                            IllegalArgumentException.class,
                            () -> bench.forward.attention(q, q, q, segments, Segments.ofLengths(5)))
                    .getMessage();
            assertEquals("queries have 2 segments but keys have 1", message);
            Attention attention = bench.forward.attention(q, q, q, segments, segments);
            message = assertThrows(
                            IllegalArgumentException.class,
                            () -> bench.backward.attentionBackward(
                                    other, new Qkv(q, q, q), attention, segments, segments))
                    .getMessage();
            assertEquals("dOut has shape [4, 2, 4] but q has shape [5, 2, 4]", message);
        }
    }
}
