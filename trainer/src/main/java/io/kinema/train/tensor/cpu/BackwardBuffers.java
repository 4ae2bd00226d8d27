package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;

/**
 * The scratch memory of {@link FlashAttentionBackward}: where in a worker's part each buffer begins. {@code T} is the
 * type of products.
 */
final class BackwardBuffers {
    /** The segment's queries, tile by tile [queries of the tile, K], T. */
    final long queryRows;
    /** The same, each tile transposed [K, queries of the tile]. */
    final long queryColumns;
    /** The gradients of the segment's outputs, as the queries, T. */
    final long dOutRows;
    /** The same, each tile transposed. */
    final long dOutColumns;
    /** The gradients of the segment's queries, tile by tile [K, queries of the tile]. */
    final long queryColumnGradients;
    /** {@code −log2} of the denominators of the segment's queries. */
    final long minusLogSums;
    /** {@code Σ_K dOut∘out} of the segment's queries. */
    final long alignments;
    /** A tile of keys [keys, K], T. */
    final long keyRows;
    /** The same, transposed. */
    final long keyColumns;
    /** A tile of values [keys, K], T. */
    final long valueRows;
    /** Gradients of a tile of keys [keys, K]; and a tile of queries' before they are written. */
    final long keyGradients;
    /** Gradients of a tile of values [keys, K]. */
    final long valueGradients;
    /** A tile of scores, then of weights [keys, queries]. */
    final long scores;
    /** A tile of the gradients of weights, then of scores [keys, queries]. */
    final long gradients;
    /** Two rows in FP32, and a vector. */
    final long widened;
    /** Gradients of queries by stripes, for long segments. */
    final long partial;

    private final DType type;
    private final PerWorker own = new PerWorker();
    private final long narrowedWeights;
    private final long narrowedGradients;

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
        queryRows = own.add(queryBytes);
        queryColumns = own.add(queryBytes);
        dOutRows = own.add(queryBytes);
        dOutColumns = own.add(queryBytes);
        queryColumnGradients = own.add(most.queries * width * Float.BYTES);
        minusLogSums = own.add(most.queries * Float.BYTES);
        alignments = own.add(most.queries * Float.BYTES);
        long tileBytes = most.tile * width * type.bytes();
        keyRows = own.add(tileBytes);
        keyColumns = own.add(tileBytes);
        valueRows = own.add(tileBytes);
        keyGradients = own.add(most.tile * width * Float.BYTES);
        valueGradients = own.add(most.tile * width * Float.BYTES);
        scores = own.add(most.scores * Float.BYTES);
        gradients = own.add(most.scores * Float.BYTES);
        long narrowedBytes = type == DType.FP32 ? 0 : most.scores * type.bytes();
        narrowedWeights = own.add(narrowedBytes);
        narrowedGradients = own.add(narrowedBytes);
        widened = own.add((2L * width + Vectors.LANES) * Float.BYTES);
        own.reserve(memory, workers);
        partial = memory.reserve(most.partial * width * Float.BYTES);
    }

    /** Where a worker's part begins. */
    long of(int worker) {
        return own.of(worker);
    }

    /** A tile of weights for products. */
    long weights() {
        return type == DType.FP32 ? scores : narrowedWeights;
    }

    /** A tile of scores' gradients for products. */
    long scoreGradients() {
        return type == DType.FP32 ? gradients : narrowedGradients;
    }

    WeightGradient weightGradient(int worker, float scale) {
        boolean narrows = type != DType.FP32;
        long at = of(worker);
        return new WeightGradient(
                at + scores,
                at + gradients,
                scale,
                narrows ? at + narrowedWeights : 0,
                narrows ? at + narrowedGradients : 0);
    }
}
