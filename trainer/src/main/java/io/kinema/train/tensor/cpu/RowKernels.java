package io.kinema.train.tensor.cpu;

import static io.kinema.train.tensor.cpu.Vectors.FLOATS;
import static io.kinema.train.tensor.cpu.Vectors.LANES;
import static io.kinema.train.tensor.cpu.Vectors.get;
import static io.kinema.train.tensor.cpu.Vectors.load;
import static io.kinema.train.tensor.cpu.Vectors.set;
import static io.kinema.train.tensor.cpu.Vectors.store;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Shapes;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * What many operations do to rows of FP32, which are named by address; and how rows of other types become such and
 * back.
 */
final class RowKernels {
    private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
    private static final int DOUBLE_LANES = DOUBLES.length();

    private static final int TILE_ROWS = 64;
    private static final int TILE_ELEMENTS = 1 << 14;

    private RowKernels() {}

    /** How many rows make a tile where no segments cut them: many, where they are short. */
    static int perTile(int width) {
        return Math.max(TILE_ROWS, TILE_ELEMENTS / width);
    }

    /**
     * Where to write n floats that are to become elements of a tensor: straight to them where they are whole vectors,
     * or to a scratch row.
     */
    static long target(CpuTensor tensor, long element, long scratch, int n) {
        return isDirect(tensor, n) ? tensor.address(element) : scratch;
    }

    /** Moves what was written to {@link #target} where that is a scratch row. */
    static void finish(CpuTensor tensor, long element, long scratch, int n) {
        if (!isDirect(tensor, n)) {
            Vectors.copy(scratch, DType.FP32, tensor.address(element), tensor.dtype(), n);
        }
    }

    /** The elements as FP32 and whole vectors: where they are, or in the scratch row, filled up by zeros. */
    static long floats(CpuTensor tensor, long element, long scratch, int n) {
        if (isDirect(tensor, n)) {
            return tensor.address(element);
        }
        Vectors.copy(tensor.address(element), tensor.dtype(), scratch, DType.FP32, n);
        Lanes.fill(scratch, n, 0);
        return scratch;
    }

    private static boolean isDirect(CpuTensor tensor, int n) {
        return tensor.dtype() == DType.FP32 && n % LANES == 0;
    }

    /** For what must not lose digits: sums, moments and master weights. */
    static CpuTensor requireFp32(String name, CpuTensor tensor) {
        if (tensor.dtype() != DType.FP32) {
            throw new IllegalArgumentException(
                    name + " " + Shapes.text(tensor) + " is " + tensor.dtype() + " where FP32 is needed");
        }
        return tensor;
    }

    // What is left of a row is computed one by one. HotSpot does not inline what a loop seldom reaches, such as a mask
    // for the last vector of a row. Each vector that may go there would then become an object.

    /** {@code out = a + b}. */
    static void add(long a, long b, long out, int n) {
        int i = 0;
        for (; i <= n - LANES; i += LANES) {
            store(load(a + 4L * i).add(load(b + 4L * i)), out + 4L * i);
        }
        for (; i < n; i++) {
            set(out + 4L * i, get(a + 4L * i) + get(b + 4L * i));
        }
    }

    /** {@code out = a · b + c}. */
    static void multiplyAdd(long a, long b, long c, long out, int n) {
        int i = 0;
        for (; i <= n - LANES; i += LANES) {
            store(load(a + 4L * i).fma(load(b + 4L * i), load(c + 4L * i)), out + 4L * i);
        }
        for (; i < n; i++) {
            set(out + 4L * i, Math.fma(get(a + 4L * i), get(b + 4L * i), get(c + 4L * i)));
        }
    }

    /** {@code out = x · factor + term}. */
    static void scaled(long x, float factor, float term, long out, int n) {
        FloatVector factors = FloatVector.broadcast(FLOATS, factor);
        FloatVector terms = FloatVector.broadcast(FLOATS, term);
        int i = 0;
        for (; i <= n - LANES; i += LANES) {
            store(load(x + 4L * i).fma(factors, terms), out + 4L * i);
        }
        for (; i < n; i++) {
            set(out + 4L * i, Math.fma(get(x + 4L * i), factor, term));
        }
    }

    /** {@code out = a · factorA + b · factorB}. */
    static void mix(long a, float factorA, long b, float factorB, long out, int n) {
        FloatVector factorsA = FloatVector.broadcast(FLOATS, factorA);
        FloatVector factorsB = FloatVector.broadcast(FLOATS, factorB);
        int i = 0;
        for (; i <= n - LANES; i += LANES) {
            store(load(b + 4L * i).fma(factorsB, load(a + 4L * i).mul(factorsA)), out + 4L * i);
        }
        for (; i < n; i++) {
            set(out + 4L * i, Math.fma(get(b + 4L * i), factorB, get(a + 4L * i) * factorA));
        }
    }

    /** The sum of a row that is filled up by zeros. */
    static float sum(long x, int n) {
        FloatVector even = FloatVector.zero(FLOATS);
        FloatVector odd = FloatVector.zero(FLOATS);
        int pairs = n - n % (2 * LANES);
        for (int i = 0; i < pairs; i += 2 * LANES) {
            even = even.add(load(x + 4L * i));
            odd = odd.add(load(x + 4L * (i + LANES)));
        }
        for (int i = pairs; i < n; i += LANES) {
            even = even.add(load(x + 4L * i));
        }
        return Vectors.sum(even.add(odd));
    }

    /** The sum of the squares of a row that is filled up by zeros. */
    static float sumOfSquares(long x, int n) {
        FloatVector even = FloatVector.zero(FLOATS);
        FloatVector odd = FloatVector.zero(FLOATS);
        int pairs = n - n % (2 * LANES);
        for (int i = 0; i < pairs; i += 2 * LANES) {
            FloatVector a = load(x + 4L * i);
            FloatVector b = load(x + 4L * (i + LANES));
            even = a.fma(a, even);
            odd = b.fma(b, odd);
        }
        for (int i = pairs; i < n; i += LANES) {
            FloatVector a = load(x + 4L * i);
            even = a.fma(a, even);
        }
        return Vectors.sum(even.add(odd));
    }

    /** The sum of squares, accumulated in float64. */
    static double wideSumOfSquares(long x, int n) {
        DoubleVector even = DoubleVector.zero(DOUBLES);
        DoubleVector odd = DoubleVector.zero(DOUBLES);
        int i = 0;
        for (; i <= n - 2 * DOUBLE_LANES; i += 2 * DOUBLE_LANES) {
            DoubleVector a = Lanes.loadWide(x + 4L * i);
            DoubleVector b = Lanes.loadWide(x + 4L * (i + DOUBLE_LANES));
            even = a.fma(a, even);
            odd = b.fma(b, odd);
        }
        DoubleVector lanes = even.add(odd);
        double sum = 0;
        for (int lane = 0; lane < DOUBLE_LANES; lane++) {
            sum += lanes.lane(lane);
        }
        for (; i < n; i++) {
            double value = get(x + 4L * i);
            sum += value * value;
        }
        return sum;
    }
}
