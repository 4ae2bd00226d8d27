package io.kinema.train.tensor.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The softmax backward on a tile of keys against queries (Dao, 2307.08691, algorithm 2, lines 11 to 14, transposed):
 * weights again from scores and log-denominators, and the gradient of the scores from that of the weights.
 *
 * @param scores {@code k·qᵀ} [keys, queries], become weights
 * @param gradients of the weights {@code v·dOutᵀ} [keys, queries], become those of the scores (before the factor 1/√K)
 * @param scale {@code log2(e)/√K}
 * @param narrowedWeights where the weights go once more, as BF16; 0 where that is not wanted
 * @param narrowedGradients where the gradients go once more, likewise
 */
record WeightGradient(long scores, long gradients, float scale, long narrowedWeights, long narrowedGradients) {
    /** The log-denominator's negative for padding: the weights of such queries are 0. */
    static final float PADDING = -1e30f;

    private static final int LANES = Vectors.LANES;

    /**
     * Does one tile.
     *
     * @param rows keys
     * @param padded rows with the padding, whose weights and gradients become 0
     * @param n queries, a multiple of 16
     * @param minusLogSums {@code −log2} of each query's denominator [n]
     * @param alignment {@code Σ_K dOut∘out} of each query [n]
     */
    void run(int rows, int padded, int n, long minusLogSums, long alignment) {
        for (int row = 0; row < rows; row++) {
            long at = 4L * row * n;
            row(scores + at, gradients + at, n, minusLogSums, alignment);
            if (narrowedWeights != 0) {
                Vectors.narrowRow(scores + at, narrowedWeights + at / 2, n);
                Vectors.narrowRow(gradients + at, narrowedGradients + at / 2, n);
            }
        }
        if (padded > rows) {
            long from = 4L * rows * n;
            long bytes = 4L * (padded - rows) * n;
            Vectors.zero(scores + from, bytes);
            Vectors.zero(gradients + from, bytes);
            if (narrowedWeights != 0) {
                Vectors.zero(narrowedWeights + from / 2, bytes / 2);
                Vectors.zero(narrowedGradients + from / 2, bytes / 2);
            }
        }
    }

    private void row(long x, long dx, int n, long minusLogSums, long alignment) {
        FloatVector factor = FloatVector.broadcast(Vectors.FLOATS, scale);
        for (int i = 0; i < n; i += LANES) {
            FloatVector power = Vectors.load(x + 4L * i).fma(factor, Vectors.load(minusLogSums + 4L * i));
            // A weight is at most 1; rounding of large scores must not make it more.
            FloatVector weight = RunningSoftmax.exp2(power.blend(0f, power.compare(VectorOperators.GT, 0f)));
            FloatVector gradient = Vectors.load(dx + 4L * i).sub(Vectors.load(alignment + 4L * i));
            Vectors.store(weight, x + 4L * i);
            Vectors.store(weight.mul(gradient), dx + 4L * i);
        }
    }
}
