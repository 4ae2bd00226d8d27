package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;

/** The scratch memory of {@link FlashAttentionBackward}. {@code T} is the type of products. */
final class BackwardBuffers {
    /** The segment's queries, tile by tile [queries of the tile, K], T. */
    final PerWorker queryRows;
    /** The same, each tile transposed [K, queries of the tile]. */
    final PerWorker queryColumns;
    /** The gradients of the segment's outputs, as the queries, T. */
    final PerWorker dOutRows;
    /** The same, each tile transposed. */
    final PerWorker dOutColumns;
    /** The gradients of the segment's queries, tile by tile [K, queries of the tile]. */
    final PerWorker queryColumnGradients;
    /** {@code −log2} of the denominators of the segment's queries. */
    final PerWorker minusLogSums;
    /** {@code Σ_K dOut∘out} of the segment's queries. */
    final PerWorker alignments;
    /** A tile of keys [keys, K], T. */
    final PerWorker keyRows;
    /** The same, transposed. */
    final PerWorker keyColumns;
    /** A tile of values [keys, K], T. */
    final PerWorker valueRows;
    /** Gradients of a tile of keys [keys, K]; and a tile of queries' before they are written. */
    final PerWorker keyGradients;
    /** Gradients of a tile of values [keys, K]. */
    final PerWorker valueGradients;
    /** A tile of scores, then of weights [keys, queries]. */
    final PerWorker scores;
    /** A tile of the gradients of weights, then of scores [keys, queries]. */
    final PerWorker gradients;
    /** Two rows in FP32, and a vector. */
    final PerWorker widened;
    /** Gradients of queries by stripes, for long segments. */
    final long partial;

    private final DType type;
    private final PerWorker narrowedWeights;
    private final PerWorker narrowedGradients;

    /**
     * The greatest sizes that a call meets.
     *
     * @param queries of a segment, with padding
     * @param tile rows of a tile
     * @param scores of a tile
     * @param partial rows of gradients of queries by stripes
     */
    record Sizes(long queries, long tile, long scores, long partial) {}

    BackwardBuffers(Memory memory, Workers workers, DType type, int width, Sizes most) {
        this.type = type;
        long queryBytes = most.queries * width * type.bytes();
        queryRows = PerWorker.reserve(memory, workers, queryBytes);
        queryColumns = PerWorker.reserve(memory, workers, queryBytes);
        dOutRows = PerWorker.reserve(memory, workers, queryBytes);
        dOutColumns = PerWorker.reserve(memory, workers, queryBytes);
        queryColumnGradients = PerWorker.reserve(memory, workers, most.queries * width * Float.BYTES);
        minusLogSums = PerWorker.reserve(memory, workers, most.queries * Float.BYTES);
        alignments = PerWorker.reserve(memory, workers, most.queries * Float.BYTES);
        long tileBytes = most.tile * width * type.bytes();
        keyRows = PerWorker.reserve(memory, workers, tileBytes);
        keyColumns = PerWorker.reserve(memory, workers, tileBytes);
        valueRows = PerWorker.reserve(memory, workers, tileBytes);
        keyGradients = PerWorker.reserve(memory, workers, most.tile * width * Float.BYTES);
        valueGradients = PerWorker.reserve(memory, workers, most.tile * width * Float.BYTES);
        scores = PerWorker.reserve(memory, workers, most.scores * Float.BYTES);
        gradients = PerWorker.reserve(memory, workers, most.scores * Float.BYTES);
        long narrowedBytes = type == DType.FP32 ? 0 : most.scores * type.bytes();
        narrowedWeights = PerWorker.reserve(memory, workers, narrowedBytes);
        narrowedGradients = PerWorker.reserve(memory, workers, narrowedBytes);
        widened = PerWorker.reserve(memory, workers, (2L * width + Vectors.LANES) * Float.BYTES);
        partial = memory.reserve(most.partial * width * Float.BYTES);
    }

    /** A worker's tile of weights for products. */
    long weights(int worker) {
        return type == DType.FP32 ? scores.of(worker) : narrowedWeights.of(worker);
    }

    /** A worker's tile of scores' gradients for products. */
    long scoreGradients(int worker) {
        return type == DType.FP32 ? gradients.of(worker) : narrowedGradients.of(worker);
    }

    WeightGradient weightGradient(int worker, float scale) {
        boolean narrows = type != DType.FP32;
        return new WeightGradient(
                scores.of(worker),
                gradients.of(worker),
                scale,
                narrows ? narrowedWeights.of(worker) : 0,
                narrows ? narrowedGradients.of(worker) : 0);
    }
}
