package io.kinema.train.tensor.nd4j;

import static io.kinema.train.tensor.nd4j.Nd4jMath.of;

import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Rotary positions. With r the quarter turn {@code (x1, x2) → (−x2, x1)} of every pair, the turn by an angle is
 * {@code x·cos + r(x)·sin} and the turn back {@code x·cos − r(x)·sin}. The quarter turn, and the repetition of the
 * angles over heads, are products with matrices of 0 and ±1: exact, and much faster here than strided copies.
 */
final class Nd4jRope {
    private final Nd4jMemory memory;

    Nd4jRope(Nd4jMemory memory) {
        this.memory = memory;
    }

    Tensor rope(Tensor xLNK, Tensor cosLP, Tensor sinLP) {
        return turn(xLNK, cosLP, sinLP, 1);
    }

    Tensor ropeBackward(Tensor dyLNK, Tensor cosLP, Tensor sinLP) {
        return turn(dyLNK, cosLP, sinLP, -1);
    }

    private Tensor turn(Tensor xLNK, Tensor cosLP, Tensor sinLP, double direction) {
        Shapes.requireRank("x", xLNK, 3);
        int numTokens = xLNK.dim(0);
        int numHeads = xLNK.dim(1);
        int width = xLNK.dim(2);
        if (width % 2 != 0) {
            throw new IllegalArgumentException("the heads of " + Shapes.text(xLNK.shape()) + " have an odd width");
        }
        Shapes.require("cos", cosLP, numTokens, width / 2);
        Shapes.require("sin", sinLP, numTokens, width / 2);
        Nd4jTensor yLNK = memory.allocate(xLNK.shape());
        INDArray y = yLNK.matrix(numTokens, (long) numHeads * width);
        try (Nd4jMemory.Scratch scratch = memory.scratch()) {
            INDArray x = memory.inside(xLNK).matrix(numTokens, (long) numHeads * width);
            INDArray turned = scratch.like(x);
            Nd4jMath.matmul(
                    of(memory.inside(xLNK).rows()),
                    of(quarterTurn(width, direction, scratch)),
                    1,
                    0,
                    turned.reshape((long) numTokens * numHeads, width));
            INDArray repeat = repetition(numHeads, width, scratch);
            INDArray angles = scratch.like(x);
            Nd4jMath.matmul(of(memory.inside(sinLP).rows()), of(repeat), 1, 0, angles);
            Nd4jMath.multiply(turned, angles, turned);
            Nd4jMath.matmul(of(memory.inside(cosLP).rows()), of(repeat), 1, 0, angles);
            Nd4jMath.multiply(x, angles, y);
            Nd4jMath.add(y, turned, y);
        }
        return yLNK;
    }

    /** [K, K]: a row times this is {@code ±(−x2, x1)}. */
    private static INDArray quarterTurn(int width, double direction, Nd4jMemory.Scratch scratch) {
        int half = width / 2;
        double[] matrix = new double[width * width];
        for (int i = 0; i < half; i++) {
            matrix[(i + half) * width + i] = -direction;
            matrix[i * width + i + half] = direction;
        }
        return scratch.filled(matrix, width, width);
    }

    /** [K/2, N · K]: a row times this is the row twice for every head. */
    private static INDArray repetition(int numHeads, int width, Nd4jMemory.Scratch scratch) {
        int half = width / 2;
        double[] matrix = new double[half * numHeads * width];
        for (int i = 0; i < half; i++) {
            for (int column = i; column < numHeads * width; column += half) {
                matrix[i * numHeads * width + column] = 1;
            }
        }
        return scratch.filled(matrix, half, (long) numHeads * width);
    }
}
