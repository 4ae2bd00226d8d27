package io.kinema.train.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Flat vectors: sums, optimizer and average, and that cutting a vector changes no bit. */
interface VectorContract extends DeviceContract {
    /** More than one stretch of any size that an implementation may work in, and not a power of two. */
    int SHARDS = 301;

    ParameterAttributes SLOW = new ParameterAttributes(true, true, 0.3);
    ParameterAttributes NOT_TRAINED = new ParameterAttributes(false, true, 1);

    private static List<Stretch> alike(long size) {
        return List.of(new Stretch(0, size, ParameterAttributes.DECAYED));
    }

    private static AdamWStep step(List<Stretch> stretches) {
        return new AdamWStep(3e-4, 0.9, 0.95, 1e-8, 0.1, 7, 0.37, stretches);
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldClearAndAdd(DType dtype) {
        try (Device device = open(dtype)) {
            Tensor sum = device.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
            device.add(sum, device.of(new float[] {10, 20, 30, 40, 50, 60}, 6));
            assertArrayEquals(new double[] {11, 22, 33, 44, 55, 66}, Host.read(device, sum));
            device.add(device.view(sum, 1, 2), device.view(sum, 4, 2));
            assertArrayEquals(new double[] {11, 77, 99, 44, 55, 66}, Host.read(device, sum));
            device.zero(device.view(sum, 2, 3));
            assertArrayEquals(new double[] {11, 77, 0, 0, 0, 66}, Host.read(device, sum));
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldSumSquaresOfBlocksInDouble(DType dtype) {
        try (Device device = open(dtype)) {
            double[] values = Host.normal(new Random(1), 60);
            // The square overflows and underflows float32.
            values[0] = (float) 1e25;
            values[30] = (float) 1e-30;
            Tensor vector = Host.tensor(device, values, 60);
            for (int block : new int[] {1, 3, 15, 20, 60}) {
                double[] sums = Host.sumOfSquares(device, vector, block);
                assertEquals(60 / block, sums.length);
                for (int b = 0; b < sums.length; b++) {
                    double expected = Arrays.stream(values, b * block, (b + 1) * block)
                            .map(v -> v * v)
                            .sum();
                    assertEquals(expected, sums[b], 1e-14 * expected);
                }
            }
            Host.write(device, vector, 7, Double.NaN);
            Host.write(device, vector, 22, Double.POSITIVE_INFINITY);
            double[] sums = Host.sumOfSquares(device, vector, 10);
            assertFalse(Double.isFinite(sums[0]));
            assertTrue(Double.isFinite(sums[1]));
            assertFalse(Double.isFinite(sums[2]));
            assertTrue(Double.isFinite(sums[3]));
            assertThrows(IllegalArgumentException.class, () -> device.sumOfSquares(vector, 7, device.scalars(60), 0));
            assertThrows(IllegalArgumentException.class, () -> device.sumOfSquares(vector, 10, device.scalars(5), 0));
            assertThrows(IllegalArgumentException.class, () -> device.sumOfSquares(vector, 10, device.scalars(8), 3));
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldLeaveSumsWhereTheyAreAskedFor(DType dtype) {
        try (Device device = open(dtype)) {
            Tensor vector = Host.tensor(device, new double[] {1, 2, 3, 4, 5, 6}, 6);
            Scalars sums = device.scalars(5);
            device.sumOfSquares(vector, 2, sums, 1);
            assertArrayEquals(new double[] {0, 5, 25, 61, 0}, device.read(sums));
            device.sumOfSquares(device.view(vector, 4, 2), 2, sums, 0);
            device.sum(sums, 3, sums, 4);
            assertArrayEquals(new double[] {61, 5, 25, 61, 91}, device.read(sums));
        }
    }

    /** In float64, (1e16 + 1) − 1e16 is 0 and (1e16 − 1e16) + 1 is 1. */
    @ParameterizedTest
    @MethodSource("types")
    default void shouldAddScalarsFromTheFirstToTheLast(DType dtype) {
        try (Device device = open(dtype)) {
            Scalars terms = device.scalars(4);
            Scalars sum = device.scalars(1);
            device.sumOfSquares(Host.tensor(device, new double[] {1e8, 1, 1, 1}, 4), 1, terms, 0);
            device.sum(terms, 4, sum, 0);
            assertArrayEquals(new double[] {1e16}, device.read(sum));
            device.sumOfSquares(Host.tensor(device, new double[] {1, 1, 1, 1e8}, 4), 1, terms, 0);
            device.sum(terms, 4, sum, 0);
            assertArrayEquals(new double[] {1e16 + 4}, device.read(sum));
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldStepByAdamWAsDefined(DType dtype) {
        try (Device device = open(dtype)) {
            Random random = new Random(2);
            int size = 50;
            double[] p = Host.normal(random, size);
            double[] m = new double[size];
            double[] v = new double[size];
            Tensor param = Host.tensor(device, p, size);
            Tensor firstMoment = device.zeros(size);
            Tensor secondMoment = device.zeros(size);
            for (int count = 1; count <= 3; count++) {
                AdamWStep step = new AdamWStep(1e-2, 0.9, 0.95, 1e-3, 0.1, count, 0.5, alike(size));
                double[] g = Host.normal(random, size);
                for (int i = 0; i < size; i++) {
                    double gradient = 0.5 * g[i];
                    p[i] *= 1 - 1e-2 * 0.1;
                    m[i] = 0.9 * m[i] + 0.1 * gradient;
                    v[i] = 0.95 * v[i] + 0.05 * gradient * gradient;
                    double mHat = m[i] / (1 - Math.pow(0.9, count));
                    double vHat = v[i] / (1 - Math.pow(0.95, count));
                    p[i] -= 1e-2 * mHat / (Math.sqrt(vHat) + 1e-3);
                }
                device.adamw(param, Host.tensor(device, g, size), firstMoment, secondMoment, param, step);
                assertClose(p, device, param);
                assertClose(m, device, firstMoment);
                assertClose(v, device, secondMoment);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldMoveAverage(DType dtype) {
        try (Device device = open(dtype)) {
            Tensor average = device.of(new float[] {1, -2, 3}, 3);
            device.ema(average, device.of(new float[] {5, 6, -7}, 3), 0.75);
            assertClose(new double[] {2, 0, 0.5}, device, average);
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldNotHideScalarsThatAreNoNumbers(DType dtype) {
        try (Device device = open(dtype)) {
            Tensor param = device.of(new float[] {1, 2}, 2);
            Tensor grad = device.of(new float[] {3, 4}, 2);
            AdamWStep step = new AdamWStep(1e-2, 0.9, 0.95, 1e-3, 0.1, 1, Double.NaN, alike(2));
            device.adamw(param, grad, device.zeros(2), device.zeros(2), param, step);
            for (double value : Host.read(device, param)) {
                assertTrue(Double.isNaN(value));
            }
        }
    }

    /** The state of one parameter vector. */
    record State(Tensor param, Tensor grad, Tensor firstMoment, Tensor secondMoment, Tensor average) {
        static State random(Device device, int size) {
            Random random = new Random(3);
            double[] squares = Host.normal(random, size);
            Arrays.setAll(squares, i -> (float) (squares[i] * squares[i]));
            return new State(
                    Host.normal(device, random, size),
                    Host.normal(device, random, size),
                    Host.normal(device, random, size),
                    Host.tensor(device, squares, size),
                    Host.normal(device, random, size));
        }

        void update(Device device, int first, int count) {
            Tensor p = device.view(param, first, count);
            device.add(device.view(grad, first, count), p);
            adamw(device, first, alike(count));
            device.ema(device.view(average, first, count), p, 0.999);
        }

        /** Of elements from the first on. */
        void adamw(Device device, int first, List<Stretch> stretches) {
            long count = stretches.getLast().end();
            Tensor p = device.view(param, first, count);
            Tensor g = device.view(grad, first, count);
            Tensor m = device.view(firstMoment, first, count);
            Tensor v = device.view(secondMoment, first, count);
            device.adamw(p, g, m, v, p, step(stretches));
        }

        void assertSameBits(Device device, State other) {
            assertArrayEquals(Host.read(device, param), Host.read(device, other.param));
            assertArrayEquals(Host.read(device, grad), Host.read(device, other.grad));
            assertArrayEquals(Host.read(device, firstMoment), Host.read(device, other.firstMoment));
            assertArrayEquals(Host.read(device, secondMoment), Host.read(device, other.secondMoment));
            assertArrayEquals(Host.read(device, average), Host.read(device, other.average));
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldUpdatePiecewiseToTheSameBits(DType dtype) {
        int size = SHARDS * Device.SHARD_ALIGNMENT;
        try (Device device = open(dtype)) {
            State whole = State.random(device, size);
            whole.update(device, 0, size);
            Random random = new Random(4);
            for (int cuts = 0; cuts < 4; cuts++) {
                State pieces = State.random(device, size);
                int first = 0;
                while (first < SHARDS) {
                    int count = Math.min(SHARDS - first, 1 + random.nextInt(cuts == 0 ? 3 : 200));
                    pieces.update(device, first * Device.SHARD_ALIGNMENT, count * Device.SHARD_ALIGNMENT);
                    first += count;
                }
                pieces.assertSameBits(device, whole);
            }
        }
    }

    /** Stretches begin at odd places, within pieces of any size and across them. */
    @ParameterizedTest
    @MethodSource("types")
    default void shouldUpdateStretchesInOneCallAsInCallsOfTheirOwn(DType dtype) {
        int[] cuts = {0, 1, 4, 9, 16, 31, 48, 1065, 1066, 5003, 150_001, 150_017, SHARDS * Device.SHARD_ALIGNMENT};
        List<ParameterAttributes> kinds =
                List.of(ParameterAttributes.DECAYED, ParameterAttributes.NOT_DECAYED, SLOW, NOT_TRAINED);
        List<Stretch> stretches = new ArrayList<>();
        for (int i = 0; i + 1 < cuts.length; i++) {
            stretches.add(new Stretch(cuts[i], cuts[i + 1] - cuts[i], kinds.get(i % kinds.size())));
        }
        int size = cuts[cuts.length - 1];
        try (Device device = open(dtype)) {
            State before = State.random(device, size);
            State whole = State.random(device, size);
            whole.adamw(device, 0, stretches);
            State pieces = State.random(device, size);
            for (Stretch stretch : stretches) {
                int first = (int) stretch.offset();
                if (stretch.attributes().isTrainable()) {
                    pieces.adamw(device, first, List.of(new Stretch(0, stretch.size(), stretch.attributes())));
                } else {
                    double[] start = Host.read(device, device.view(before.param, first, stretch.size()));
                    assertArrayEquals(start, Host.read(device, device.view(whole.param, first, stretch.size())));
                }
            }
            pieces.assertSameBits(device, whole);
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldLeaveWhatIsNotTrained(DType dtype) {
        int size = 11;
        List<Stretch> stretches =
                List.of(new Stretch(0, 3, NOT_TRAINED), new Stretch(3, 7, SLOW), new Stretch(10, 1, NOT_TRAINED));
        try (Device device = open(dtype)) {
            double[] start = Host.normal(new Random(7), size);
            Tensor param = Host.tensor(device, start, size);
            Tensor grad = Host.normal(device, new Random(8), size);
            Tensor m = device.zeros(size);
            Tensor v = device.zeros(size);
            Tensor working = device.zeros(size);
            device.adamw(param, grad, m, v, working, step(stretches));
            double[] stepped = Host.read(device, param);
            for (int i = 0; i < size; i++) {
                boolean isTrained = i >= 3 && i < 10;
                assertEquals(isTrained, stepped[i] != start[i]);
                assertEquals(isTrained ? stepped[i] : 0, Host.read(device, working)[i]);
                assertEquals(isTrained, Host.read(device, m)[i] != 0);
                assertEquals(isTrained, Host.read(device, v)[i] != 0);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldRefuseStretchesThatAreNotTheVector(DType dtype) {
        try (Device device = open(dtype)) {
            Tensor p = device.zeros(5);
            Stretch last = new Stretch(3, 3, ParameterAttributes.NOT_DECAYED);
            AdamWStep gap = step(List.of(new Stretch(0, 2, SLOW), last));
            AdamWStep longer = step(List.of(new Stretch(0, 3, SLOW), last));
            assertEquals(
                    "stretch 1 of 3 elements begins at 3 where the one before ends at 2",
                    refusal(() -> device.adamw(p, p, p, p, p, gap)));
            assertEquals(
                    "stretches of 6 elements are not the vector [5]",
                    refusal(() -> device.adamw(p, p, p, p, p, longer)));
        }
    }

    private static String refusal(Executable call) {
        return assertThrows(IllegalArgumentException.class, call).getMessage();
    }

    @ParameterizedTest
    @MethodSource("types")
    default void shouldSumSquaresOfABlockToTheSameBitsWhereverItStands(DType dtype) {
        try (Device device = open(dtype)) {
            int block = Device.SHARD_ALIGNMENT;
            Tensor vector = Host.normal(device, new Random(5), SHARDS * block);
            double[] whole = Host.sumOfSquares(device, vector, block);
            Random random = new Random(6);
            for (int cut = 0; cut < 60; cut++) {
                int first = random.nextInt(SHARDS);
                int count = 1 + random.nextInt(cut % 2 == 0 ? 5 : SHARDS);
                count = Math.min(count, SHARDS - first);
                Tensor part = device.view(vector, (long) first * block, count * block);
                assertArrayEquals(
                        Arrays.copyOfRange(whole, first, first + count), Host.sumOfSquares(device, part, block));
            }
        }
    }

    @Test
    default void shouldTreatElementsAlikeAtAnyOffset() {
        // Stronger than the alignment asks: kernels whose tails round otherwise than their bodies would show here.
        try (Device device = open(DType.FP32)) {
            State whole = State.random(device, 500);
            whole.update(device, 0, 500);
            State pieces = State.random(device, 500);
            int[] cuts = {0, 1, 4, 9, 16, 31, 48, 65, 130, 259, 500};
            for (int i = 0; i + 1 < cuts.length; i++) {
                pieces.update(device, cuts[i], cuts[i + 1] - cuts[i]);
            }
            pieces.assertSameBits(device, whole);
        }
    }
}
