package io.kinema.train.tensor.nd4j;

import static io.kinema.train.tensor.nd4j.Nd4jMath.of;
import static io.kinema.train.tensor.nd4j.Nd4jMath.transposed;

import io.kinema.train.tensor.Device.Attention;
import io.kinema.train.tensor.Device.AttentionGrad;
import io.kinema.train.tensor.Device.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Attention within segments, all heads of a segment at once: strides show a segment's heads in place as a stack of matrices.
 * {@code Q} and {@code J} are the numbers of queries and keys of the segment at hand.
 */
final class Nd4jAttention {
    private final Nd4jMemory memory;

    Nd4jAttention(Nd4jMemory memory) {
        this.memory = memory;
    }

    /**
     * Gradients of one segment, each a view into the whole.
     *
     * @param dqNQK of its queries
     * @param dkNJK of its keys
     * @param dvNJK of its values
     */
    private record HeadGrads(INDArray dqNQK, INDArray dkNJK, INDArray dvNJK) {}

    /**
     * Inputs of one segment's backward.
     *
     * @param qNQK its queries
     * @param kNJK its keys
     * @param vNJK its values
     * @param dOutNQK gradient of its output
     */
    private record Heads(INDArray qNQK, INDArray kNJK, INDArray vNJK, INDArray dOutNQK) {}

    Attention attention(Qkv qkv, Segments querySegments, Segments keySegments) {
        requireFit(qkv, querySegments, keySegments);
        int numHeads = qkv.qLNK().dim(1);
        Nd4jTensor outLNK = memory.allocate(qkv.qLNK().shape());
        Nd4jTensor logSumExpLN = memory.allocate(qkv.qLNK().dim(0), numHeads);
        for (int s = 0; s < querySegments.count(); s++) {
            try (Nd4jMemory.Scratch scratch = memory.scratch()) {
                INDArray scores =
                        scores(heads(qkv.qLNK(), querySegments, s), heads(qkv.kLNK(), keySegments, s), scratch);
                INDArray logSumExp = softmax(asRows(scores), scratch);
                Nd4jMath.matmul(
                        of(scores), of(heads(qkv.vLNK(), keySegments, s)), 1, 0, heads(outLNK, querySegments, s));
                headColumns(logSumExpLN, querySegments, s).assign(logSumExp.reshape(numHeads, querySegments.length(s)));
            }
        }
        return new Attention(outLNK, logSumExpLN);
    }

    AttentionGrad attentionBackward(
            Tensor dOutLNK, Qkv qkv, Attention forward, Segments querySegments, Segments keySegments) {
        requireFit(qkv, querySegments, keySegments);
        Shapes.requireSame("dOut", dOutLNK, "q", qkv.qLNK());
        Shapes.requireSame("out", forward.outLNK(), "q", qkv.qLNK());
        Shapes.require(
                "logSumExp",
                forward.logSumExpLN(),
                qkv.qLNK().dim(0),
                qkv.qLNK().dim(1));
        Nd4jTensor dq = memory.allocate(qkv.qLNK().shape());
        Nd4jTensor dk = memory.allocate(qkv.kLNK().shape());
        Nd4jTensor dv = memory.allocate(qkv.vLNK().shape());
        for (int s = 0; s < querySegments.count(); s++) {
            Heads heads = new Heads(
                    heads(qkv.qLNK(), querySegments, s),
                    heads(qkv.kLNK(), keySegments, s),
                    heads(qkv.vLNK(), keySegments, s),
                    heads(dOutLNK, querySegments, s));
            HeadGrads grads =
                    new HeadGrads(heads(dq, querySegments, s), heads(dk, keySegments, s), heads(dv, keySegments, s));
            try (Nd4jMemory.Scratch scratch = memory.scratch()) {
                INDArray logSumExp = asColumn(headColumns(forward.logSumExpLN(), querySegments, s), scratch);
                INDArray alignment = alignment(dOutLNK, forward.outLNK(), querySegments, s, scratch);
                segmentBackward(heads, logSumExp, alignment, grads, scratch);
            }
        }
        return new AttentionGrad(dq, dk, dv);
    }

    /**
     * With P the softmax: {@code dv = Pᵀ·dOut}, {@code dS = P∘(dOut·vᵀ − alignment)}, {@code dq = dS·k/√K} and
     * {@code dk = dSᵀ·q/√K}.
     */
    private void segmentBackward(
            Heads heads, INDArray logSumExp, INDArray alignment, HeadGrads grads, Nd4jMemory.Scratch scratch) {
        INDArray weights = scores(heads.qNQK, heads.kNJK, scratch);
        INDArray weightRows = asRows(weights);
        Nd4jMath.subtract(weightRows, logSumExp, weightRows);
        Nd4jMath.exp(weightRows, weightRows);
        Nd4jMath.matmul(transposed(weights), of(heads.dOutNQK), 1, 0, grads.dvNJK);

        INDArray dScores = scratch.like(weights);
        INDArray dScoreRows = asRows(dScores);
        Nd4jMath.matmul(of(heads.dOutNQK), transposed(heads.vNJK), 1, 0, dScores);
        Nd4jMath.subtract(dScoreRows, alignment, dScoreRows);
        Nd4jMath.multiply(dScoreRows, weightRows, dScoreRows);

        double scale = 1 / Math.sqrt(heads.qNQK.size(2));
        Nd4jMath.matmul(of(dScores), of(heads.kNJK), scale, 0, grads.dqNQK);
        Nd4jMath.matmul(transposed(dScores), of(heads.qNQK), scale, 0, grads.dkNJK);
    }

    /** {@code q·kᵀ/√K} as a fresh stack [N, Q, J]. */
    private static INDArray scores(INDArray qNQK, INDArray kNJK, Nd4jMemory.Scratch scratch) {
        INDArray scoresNQJ = scratch.stack(qNQK.size(0), qNQK.size(1), kNJK.size(1));
        Nd4jMath.matmul(of(qNQK), transposed(kNJK), 1 / Math.sqrt(qNQK.size(2)), 0, scoresNQJ);
        return scoresNQJ;
    }

    /** Turns each row into its softmax and returns the logarithms of the denominators as a column. */
    private INDArray softmax(INDArray rows, Nd4jMemory.Scratch scratch) {
        INDArray maximum = scratch.matrix(rows.rows(), 1);
        Nd4jMath.rowMaximum(rows, maximum);
        Nd4jMath.subtract(rows, maximum, rows);
        Nd4jMath.exp(rows, rows);
        INDArray sum = scratch.matrix(rows.rows(), 1);
        Nd4jMath.matmul(of(rows), of(memory.onesColumn(rows.columns())), 1, 0, sum);
        Nd4jMath.divide(rows, sum, rows);
        Nd4jMath.log(sum, sum);
        Nd4jMath.add(sum, maximum, sum);
        return sum;
    }

    /** {@code Σ_K dOut∘out} of each query and head of a segment, in the order of the score rows. */
    private INDArray alignment(Tensor dOutLNK, Tensor outLNK, Segments segments, int s, Nd4jMemory.Scratch scratch) {
        int numHeads = outLNK.dim(1);
        int width = outLNK.dim(2);
        int numQueries = segments.length(s);
        INDArray product = scratch.matrix((long) numQueries * numHeads, width);
        Nd4jMath.multiply(headRows(dOutLNK, segments, s), headRows(outLNK, segments, s), product);
        INDArray sum = scratch.matrix((long) numQueries * numHeads, 1);
        Nd4jMath.matmul(of(product), of(memory.onesColumn(width)), 1, 0, sum);
        return asColumn(sum.reshape(numQueries, numHeads).transpose(), scratch);
    }

    /** A segment's part of [L, N, K] as a stack [N, length, K], in place. */
    private INDArray heads(Tensor tensorLNK, Segments segments, int s) {
        long numHeads = tensorLNK.dim(1);
        long width = tensorLNK.dim(2);
        return memory.inside(tensorLNK)
                .strided(
                        segments.offset(s) * numHeads * width,
                        new long[] {numHeads, segments.length(s), width},
                        new long[] {width, numHeads * width, 1});
    }

    /** A segment's part of [L, N, K] as rows [length · N, K], in place. */
    private INDArray headRows(Tensor tensorLNK, Segments segments, int s) {
        int numHeads = tensorLNK.dim(1);
        return memory.inside(tensorLNK).rows(segments.offset(s) * numHeads, segments.length(s) * numHeads);
    }

    /** A segment's part of [L, N] turned to [N, length], in place. */
    private INDArray headColumns(Tensor tensorLN, Segments segments, int s) {
        long numHeads = tensorLN.dim(1);
        return memory.inside(tensorLN)
                .strided(segments.offset(s) * numHeads, new long[] {numHeads, segments.length(s)}, new long[] {
                    1, numHeads
                });
    }

    private static INDArray asColumn(INDArray matrix, Nd4jMemory.Scratch scratch) {
        INDArray copy = scratch.matrix(matrix.rows(), matrix.columns());
        copy.assign(matrix);
        return copy.reshape(copy.length(), 1);
    }

    private static INDArray asRows(INDArray stackNQJ) {
        return stackNQJ.reshape(stackNQJ.size(0) * stackNQJ.size(1), stackNQJ.size(2));
    }

    private static void requireFit(Qkv qkv, Segments querySegments, Segments keySegments) {
        Shapes.requireRank("q", qkv.qLNK(), 3);
        int numHeads = qkv.qLNK().dim(1);
        int width = qkv.qLNK().dim(2);
        Shapes.require("q", qkv.qLNK(), querySegments.total(), numHeads, width);
        Shapes.require("k", qkv.kLNK(), keySegments.total(), numHeads, width);
        Shapes.require("v", qkv.vLNK(), keySegments.total(), numHeads, width);
        if (querySegments.count() != keySegments.count()) {
            throw new IllegalArgumentException(
                    "queries have " + querySegments.count() + " segments but keys have " + keySegments.count());
        }
    }
}
