package io.kinema.train.tensor.cpu;

import static io.kinema.train.tensor.cpu.Lanes.load;
import static io.kinema.train.tensor.cpu.Lanes.store;
import static io.kinema.train.tensor.cpu.Vectors.FLOATS;
import static io.kinema.train.tensor.cpu.Vectors.LANES;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Activations and their gradients, each element by itself. */
final class Activations {
    /** The tanh form of gelu is {@code x·σ(z)} with {@code z = SLOPE·x + CUBE·x³}. */
    private static final double SLOPE = 2 * Math.sqrt(2 / Math.PI);

    private static final double CUBE = SLOPE * 0.044715;
    private static final double LOG2_E = 1 / Math.log(2);

    // Vectors rather than numbers: a method that makes many of these is too long for the compiler to keep its vectors
    // in registers.
    private static final FloatVector BINARY_SLOPE = all(-SLOPE * LOG2_E);
    private static final FloatVector BINARY_CUBE = all(-CUBE * LOG2_E);
    private static final FloatVector BINARY_ONE = all(-LOG2_E);
    private static final FloatVector FLAT_SLOPE = all(SLOPE);
    private static final FloatVector STEEP_CUBE = all(3 * CUBE);
    private static final FloatVector ONE = all(1);
    /** Powers of two beyond these are of no consequence beside 1. */
    private static final FloatVector LOWEST = all(-125);

    private static final FloatVector HIGHEST = all(125);
    /** Adding it rounds to a whole number. */
    private static final FloatVector ROUNDER = all(0x1.8p23);

    private static final int MANTISSA_BITS = 23;

    // 2^f for f in [−1/2, 1/2], greatest relative error 1.6e-8: minimax coefficients, rounded.
    private static final FloatVector P1 = all(0.6931471824645996);
    private static final FloatVector P2 = all(0.24022646248340607);
    private static final FloatVector P3 = all(0.05550328642129898);
    private static final FloatVector P4 = all(0.009618489071726799);
    private static final FloatVector P5 = all(0.0013399930903688073);
    private static final FloatVector P6 = all(0.0001534581242594868);

    private final Memory memory;
    private final Workers workers;
    private final Pieces pieces;
    private final DType workingType;

    Activations(Memory memory, Workers workers, DType workingType) {
        this.memory = memory;
        this.workers = workers;
        pieces = new Pieces(workers);
        this.workingType = workingType;
    }

    /** From n floats to n floats. */
    private interface Forward {
        void run(long x, long y, int n);
    }

    /** From n floats each of the output's gradient and of the input to n of the input's gradient. */
    private interface Backward {
        void run(long dy, long x, long dx, int n);
    }

    Tensor gelu(Tensor x) {
        return forward(x, Activations::wholeGelu);
    }

    Tensor geluBackward(Tensor dy, Tensor x) {
        return backward(dy, x, Activations::wholeGeluBackward);
    }

    Tensor silu(Tensor x) {
        return forward(x, Activations::wholeSilu);
    }

    Tensor siluBackward(Tensor dy, Tensor x) {
        return backward(dy, x, Activations::wholeSiluBackward);
    }

    private Tensor forward(Tensor xAny, Forward function) {
        CpuTensor x = memory.inside(xAny);
        CpuTensor y = memory.allocateLike(workingType, x);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 1, Pieces.LENGTH)) {
            pieces.run(x.size(), (first, n, worker) -> {
                long row = scratch.row(worker, 0);
                function.run(RowKernels.floats(x, first, row, n), RowKernels.target(y, first, row, n), n);
                RowKernels.finish(y, first, row, n);
            });
        }
        return y;
    }

    private Tensor backward(Tensor dyAny, Tensor xAny, Backward function) {
        Shapes.requireSame("dy", dyAny, "x", xAny);
        CpuTensor dy = memory.inside(dyAny);
        CpuTensor x = memory.inside(xAny);
        CpuTensor dx = memory.allocateLike(x.dtype(), x);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 2, Pieces.LENGTH)) {
            pieces.run(x.size(), (first, n, worker) -> {
                long dyRow = RowKernels.floats(dy, first, scratch.row(worker, 0), n);
                long row = scratch.row(worker, 1);
                function.run(dyRow, RowKernels.floats(x, first, row, n), RowKernels.target(dx, first, row, n), n);
                RowKernels.finish(dx, first, row, n);
            });
        }
        return dx;
    }

    // Loops are over whole vectors, as rows are filled up; what is left of rows that are not is in methods of its own:
    // see Lanes.

    /** GELU of n floats; y may be x. */
    static void gelu(long x, long y, int n) {
        int end = n - n % LANES;
        wholeGelu(x, y, end);
        if (end < n) {
            restOfGelu(x, y, end, n);
        }
    }

    private static void wholeGelu(long x, long y, int n) {
        for (int i = 0; i < n; i += LANES) {
            Vectors.store(gelu(Vectors.load(x + 4L * i)), y + 4L * i);
        }
    }

    private static void restOfGelu(long x, long y, int i, int n) {
        store(gelu(load(x, i, n)), y, i, n);
    }

    private static FloatVector gelu(FloatVector x) {
        return x.mul(gate(x.mul(x).fma(BINARY_CUBE, BINARY_SLOPE).mul(x)));
    }

    /**
     * The gradient of n floats that GELU took: with {@code y = x·σ(z(x))}, {@code dy·σ·(1 + (1 − σ)·x·z′)}.
     *
     * @param dy the gradient of what GELU gave
     * @param x what it took
     * @param dx is written; may be dy or x
     * @param n how many
     */
    static void geluBackward(long dy, long x, long dx, int n) {
        int end = n - n % LANES;
        wholeGeluBackward(dy, x, dx, end);
        if (end < n) {
            restOfGeluBackward(dy, x, dx, end, n);
        }
    }

    private static void wholeGeluBackward(long dy, long x, long dx, int n) {
        for (int i = 0; i < n; i += LANES) {
            Vectors.store(geluBackward(Vectors.load(dy + 4L * i), Vectors.load(x + 4L * i)), dx + 4L * i);
        }
    }

    private static void restOfGeluBackward(long dy, long x, long dx, int i, int n) {
        store(geluBackward(load(dy, i, n), load(x, i, n)), dx, i, n);
    }

    private static FloatVector geluBackward(FloatVector dy, FloatVector x) {
        FloatVector square = x.mul(x);
        FloatVector slope = square.fma(STEEP_CUBE, FLAT_SLOPE).mul(x);
        return gatedBackward(dy, gate(square.fma(BINARY_CUBE, BINARY_SLOPE).mul(x)), slope);
    }

    private static void wholeSilu(long x, long y, int n) {
        for (int i = 0; i < n; i += LANES) {
            FloatVector in = Vectors.load(x + 4L * i);
            Vectors.store(in.mul(gate(in.mul(BINARY_ONE))), y + 4L * i);
        }
    }

    private static void wholeSiluBackward(long dy, long x, long dx, int n) {
        for (int i = 0; i < n; i += LANES) {
            FloatVector in = Vectors.load(x + 4L * i);
            FloatVector grad = Vectors.load(dy + 4L * i);
            Vectors.store(gatedBackward(grad, gate(in.mul(BINARY_ONE)), in), dx + 4L * i);
        }
    }

    /** {@code dy·σ·(1 + (1 − σ)·u)}. */
    private static FloatVector gatedBackward(FloatVector dy, FloatVector gate, FloatVector u) {
        return ONE.sub(gate).fma(u, ONE).mul(gate).mul(dy);
    }

    /**
     * {@code σ(z) = 1 / (1 + 2^t)} of {@code t = −z·log2(e)}; for a NaN some number, which callers multiply by that
     * NaN.
     */
    private static FloatVector gate(FloatVector t) {
        FloatVector high = t.blend(HIGHEST, t.compare(VectorOperators.GT, HIGHEST));
        FloatVector clamped = high.blend(LOWEST, high.compare(VectorOperators.LT, LOWEST));
        FloatVector rounded = clamped.add(ROUNDER);
        FloatVector f = clamped.sub(rounded.sub(ROUNDER));
        FloatVector p =
                P6.fma(f, P5).fma(f, P4).fma(f, P3).fma(f, P2).fma(f, P1).fma(f, ONE);
        IntVector exponent = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, MANTISSA_BITS);
        FloatVector power = p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
        return ONE.div(power.add(ONE));
    }

    private static FloatVector all(double value) {
        return FloatVector.broadcast(FLOATS, (float) value);
    }
}
