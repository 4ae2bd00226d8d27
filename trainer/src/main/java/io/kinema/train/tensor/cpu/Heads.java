package io.kinema.train.tensor.cpu;

import static io.kinema.train.tensor.cpu.Lanes.load;
import static io.kinema.train.tensor.cpu.Lanes.store;
import static io.kinema.train.tensor.cpu.Vectors.LANES;

import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.HeadRotation;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import jdk.incubator.vector.FloatVector;

/**
 * Queries, keys and values out of their projection, and rotary positions; one token after the other, while it is in the
 * innermost cache.
 */
final class Heads {
    private static final int TOKENS = 32;
    /** Queries, keys and values. */
    private static final int PARTS = 3;

    private final Memory memory;
    private final Workers workers;
    private final DType workingType;

    Heads(Memory memory, Workers workers, DType workingType) {
        this.memory = memory;
        this.workers = workers;
        this.workingType = workingType;
    }

    /**
     * Cosines and sines.
     *
     * @param cosLP cosines [L, K/2]
     * @param sinLP sines [L, K/2]
     * @param half K/2
     * @param direction 1 for the turn, −1 for the turn back
     */
    private record Angles(CpuTensor cosLP, CpuTensor sinLP, int half, int direction) {
        /** Writes a token's cosines and sines to a row of K floats. */
        void read(int token, long row) {
            long first = (long) token * half;
            Vectors.copy(cosLP.address(first), cosLP.dtype(), row, DType.FP32, half);
            long sines = row + 4L * half;
            Vectors.copy(sinLP.address(first), sinLP.dtype(), sines, DType.FP32, half);
            if (direction < 0) {
                RowKernels.scaled(sines, direction, 0, sines, half);
            }
        }
    }

    private Angles angles(Tensor cosLP, Tensor sinLP, int numTokens, int headWidth, int direction) {
        Shapes.require("cos", cosLP, numTokens, headWidth / 2);
        Shapes.require("sin", sinLP, numTokens, headWidth / 2);
        return new Angles(memory.inside(cosLP), memory.inside(sinLP), headWidth / 2, direction);
    }

    Tensor rope(Tensor xLNK, Tensor cosLP, Tensor sinLP) {
        return turn(xLNK, cosLP, sinLP, 1);
    }

    Tensor ropeBackward(Tensor dyLNK, Tensor cosLP, Tensor sinLP) {
        return turn(dyLNK, cosLP, sinLP, -1);
    }

    private Tensor turn(Tensor xLNK, Tensor cosLP, Tensor sinLP, int direction) {
        Shapes.requireRank("x", xLNK, 3);
        int headWidth = xLNK.dim(2);
        if (headWidth % 2 != 0) {
            throw new IllegalArgumentException("the heads of " + Shapes.text(xLNK.shape()) + " have an odd width");
        }
        int numTokens = xLNK.dim(0);
        Angles angles = angles(cosLP, sinLP, numTokens, headWidth, direction);
        CpuTensor x = memory.inside(xLNK);
        CpuTensor y = memory.allocateLike(workingType, x);
        int width = x.dim(1) * headWidth;
        try (Scratch scratch = Scratch.of(memory, workers.count(), 2, width)) {
            forTokens(numTokens, (token, worker) -> {
                angles.read(token, scratch.row(worker, 0));
                long first = (long) token * width;
                long room = scratch.row(worker, 1);
                long in = RowKernels.floats(x, first, room, width);
                long out = RowKernels.target(y, first, room, width);
                turnHeads(in, scratch.row(worker, 0), out, width, headWidth);
                RowKernels.finish(y, first, room, width);
            });
        }
        return y;
    }

    /** What is done to a token. */
    private interface Token {
        void run(int token, int worker);
    }

    private void forTokens(int numTokens, Token body) {
        workers.run((numTokens + TOKENS - 1) / TOKENS, (tile, worker) -> {
            int end = Math.min(numTokens, (tile + 1) * TOKENS);
            for (int token = tile * TOKENS; token < end; token++) {
                body.run(token, worker);
            }
        });
    }

    /** Widths of heads and of all heads of a token, checked. */
    private record Widths(int headWidth, int width) {
        static Widths of(Tensor qkvL3D, HeadRotation by) {
            Shapes.requireRank("qkv", qkvL3D, 2);
            int headWidth = by.queryNormK().dim(0);
            if (headWidth % 2 != 0 || qkvL3D.dim(1) % (PARTS * headWidth) != 0) {
                throw new IllegalArgumentException("the columns of " + Shapes.text(qkvL3D.shape())
                        + " cannot be cut into queries, keys and values of heads of even width "
                        + Shapes.text(by.queryNormK().shape()));
            }
            Shapes.require("queryNorm", by.queryNormK(), headWidth);
            Shapes.require("keyNorm", by.keyNormK(), headWidth);
            return new Widths(headWidth, qkvL3D.dim(1) / PARTS);
        }
    }

    Qkv heads(Tensor qkvL3D, HeadRotation by) {
        Widths widths = Widths.of(qkvL3D, by);
        int headWidth = widths.headWidth;
        int width = widths.width;
        int numTokens = qkvL3D.dim(0);
        Angles angles = angles(by.cosLP(), by.sinLP(), numTokens, headWidth, 1);
        CpuTensor qkv = memory.inside(qkvL3D);
        CpuTensor[] norms = {memory.inside(by.queryNormK()), memory.inside(by.keyNormK())};
        CpuTensor[] out = new CpuTensor[PARTS];
        for (int part = 0; part < PARTS; part++) {
            out[part] = memory.allocate(workingType, numTokens, width / headWidth, headWidth);
        }
        try (Scratch scratch = Scratch.of(memory, workers.count(), 4, width)) {
            forTokens(numTokens, (token, worker) -> {
                long angleRow = scratch.row(worker, 0);
                long room = scratch.row(worker, 2);
                angles.read(token, angleRow);
                long first = (long) token * width;
                for (int part = 0; part < norms.length; part++) {
                    long x = RowKernels.floats(qkv, PARTS * first + part * width, room, width);
                    long norm = RowKernels.floats(norms[part], 0, scratch.row(worker, 1), headWidth);
                    long y = RowKernels.target(out[part], first, room, width);
                    for (int i = 0; i < width; i += headWidth) {
                        norm(x + 4L * i, norm, y + 4L * i, scratch.row(worker, 3), headWidth);
                    }
                    turnHeads(y, angleRow, y, width, headWidth);
                    RowKernels.finish(out[part], first, room, width);
                }
                long values = qkv.address(PARTS * first + 2L * width);
                Vectors.copy(values, qkv.dtype(), out[2].address(first), workingType, width);
            });
        }
        return new Qkv(out[0], out[1], out[2]);
    }

    /** Norms a head, in a scratch row where it is not whole vectors. */
    private static void norm(long x, long norm, long y, long scratch, int headWidth) {
        long out = headWidth % LANES == 0 ? y : scratch;
        NormRows.rms(Lanes.filled(x, scratch, headWidth), norm, out, headWidth);
        if (out != y) {
            Vectors.copy(out, DType.FP32, y, DType.FP32, headWidth);
        }
    }

    Tensor headsBackward(AttentionGrad grad, Tensor qkvL3D, HeadRotation by, Tensor dQueryNorm, Tensor dKeyNorm) {
        Widths widths = Widths.of(qkvL3D, by);
        int headWidth = widths.headWidth;
        int width = widths.width;
        int numTokens = qkvL3D.dim(0);
        Shapes.require("dq", grad.dqLNK(), numTokens, width / headWidth, headWidth);
        Shapes.require("dk", grad.dkLNK(), numTokens, width / headWidth, headWidth);
        Shapes.require("dv", grad.dvLNK(), numTokens, width / headWidth, headWidth);
        Shapes.require("dQueryNorm", dQueryNorm, headWidth);
        Shapes.require("dKeyNorm", dKeyNorm, headWidth);
        CpuTensor intoQuery =
                RowKernels.requireFp32("dQueryNorm", memory.inside(dQueryNorm)).changed();
        CpuTensor intoKey =
                RowKernels.requireFp32("dKeyNorm", memory.inside(dKeyNorm)).changed();
        Backward backward = new Backward(
                widths,
                new CpuTensor[] {memory.inside(grad.dqLNK()), memory.inside(grad.dkLNK())},
                memory.inside(grad.dvLNK()),
                memory.inside(qkvL3D),
                new CpuTensor[] {memory.inside(by.queryNormK()), memory.inside(by.keyNormK())},
                angles(by.cosLP(), by.sinLP(), numTokens, headWidth, -1));
        CpuTensor dQkv = memory.allocateLike(qkvL3D.dtype(), memory.inside(qkvL3D));
        int numTiles = (numTokens + TOKENS - 1) / TOKENS;
        try (Scratch scratch = Scratch.of(memory, workers.count(), Backward.SCRATCH_ROWS, width);
                TileSums querySums = TileSums.of(memory, numTiles, Lanes.filledLength(headWidth));
                TileSums keySums = TileSums.of(memory, numTiles, Lanes.filledLength(headWidth))) {
            workers.run(numTiles, (tile, worker) -> {
                long querySum = querySums.begin(tile);
                long keySum = keySums.begin(tile);
                int end = Math.min(numTokens, (tile + 1) * TOKENS);
                for (int token = tile * TOKENS; token < end; token++) {
                    backward.angles.read(token, scratch.row(worker, 0));
                    backward.part(0, token, querySum, dQkv, scratch.row(worker, 0), scratch.rowBytes());
                    backward.part(1, token, keySum, dQkv, scratch.row(worker, 0), scratch.rowBytes());
                    backward.values(token, dQkv, scratch.row(worker, 1));
                }
            });
            querySums.addTo(intoQuery, numTiles, workers);
            keySums.addTo(intoKey, numTiles, workers);
        }
        return dQkv;
    }

    /** Gradients of queries and keys, and of values; the projection; both norms; and the turn back. */
    private record Backward(
            Widths widths, CpuTensor[] grads, CpuTensor dv, CpuTensor qkv, CpuTensor[] norms, Angles angles) {
        /**
         * The token's angles, a norm, a turned gradient, a row of the projection or of its gradient, and two heads that
         * are no whole vectors.
         */
        static final int SCRATCH_ROWS = 6;

        /** One token's queries or keys. */
        void part(int part, int token, long dNorm, CpuTensor dQkv, long scratch, long rowBytes) {
            int width = widths.width;
            int headWidth = widths.headWidth;
            long first = ((long) PARTS * token + part) * width;
            long norm = RowKernels.floats(norms[part], 0, scratch + rowBytes, headWidth);
            long turned = scratch + 2 * rowBytes;
            long room = scratch + 3 * rowBytes;
            long grad = RowKernels.floats(grads[part], (long) token * width, turned, width);
            turnHeads(grad, scratch, turned, width, headWidth);
            long x = RowKernels.floats(qkv, first, room, width);
            long dx = RowKernels.target(dQkv, first, room, width);
            for (int i = 0; i < width; i += headWidth) {
                long dy = Lanes.filled(turned + 4L * i, scratch + 4 * rowBytes, headWidth);
                long in = Lanes.filled(x + 4L * i, scratch + 5 * rowBytes, headWidth);
                long out = headWidth % LANES == 0 ? dx + 4L * i : in;
                NormRows.rmsBackward(dy, in, norm, out, dNorm, headWidth);
                if (out != dx + 4L * i) {
                    Vectors.copy(out, DType.FP32, dx + 4L * i, DType.FP32, headWidth);
                }
            }
            RowKernels.finish(dQkv, first, room, width);
        }

        void values(int token, CpuTensor dQkv, long scratch) {
            int width = widths.width;
            long to = dQkv.address(((long) PARTS * token + 2) * width);
            Vectors.copy(dv.address((long) token * width), dv.dtype(), to, dQkv.dtype(), width);
        }
    }

    private static void turnHeads(long x, long angles, long y, int width, int headWidth) {
        for (int i = 0; i < width; i += headWidth) {
            turn(x + 4L * i, angles, y + 4L * i, headWidth / 2);
        }
    }

    /** Turns one head by the angles whose cosines and sines are given one after the other; y may be x. */
    private static void turn(long x, long angles, long y, int half) {
        long shift = 4L * half;
        for (int i = 0; i < half; i += LANES) {
            FloatVector x1 = load(x, i, half);
            FloatVector x2 = load(x + shift, i, half);
            FloatVector cos = load(angles, i, half);
            FloatVector sin = load(angles + shift, i, half);
            store(x1.mul(cos).sub(x2.mul(sin)), y, i, half);
            store(x2.mul(cos).add(x1.mul(sin)), y + shift, i, half);
        }
    }
}
