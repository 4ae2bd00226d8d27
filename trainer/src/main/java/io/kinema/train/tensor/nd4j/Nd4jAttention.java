package io.kinema.train.tensor.nd4j;

import static io.kinema.train.tensor.nd4j.Nd4jMath.of;
import static io.kinema.train.tensor.nd4j.Nd4jMath.transposed;

import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Attention within segments, all heads of a group of segments at once: their rows are gathered into stacks of matrices,
 * one for each segment and head. {@code S} is the number of segments of the group at hand, {@code Q} and {@code J} the
 * numbers of queries and keys of each, padding included.
 */
final class Nd4jAttention {
    /** The score of padding: its exponential is 0. Rows of nothing else turn NaN, and are never read. */
    private static final double PADDING_SCORE = Double.NEGATIVE_INFINITY;

    private final Nd4jMemory memory;

    Nd4jAttention(Nd4jMemory memory) {
        this.memory = memory;
    }

    /**
     * A group's rows of some tensors [L, N, …], as stacks and back. Where all segments have the same length, a stack is
     * the tensor's own elements seen with other strides.
     *
     * @param group which rows
     * @param numHeads N
     */
    private record Side(SegmentGroup group, int numHeads) {
        /** This group's part of a tensor [L, N · width] as it lies. */
        INDArray rows(Nd4jTensor tensor, int width) {
            long row = (long) numHeads * width;
            return tensor.strided(group.firstRow() * row, new long[] {group.numRows(), row}, new long[] {row, 1});
        }

        /** Rows [numRows, N · width] as a stack [S, N, longest, width]. */
        INDArray stack(INDArray rows, Nd4jMemory.Scratch scratch) {
            if (group.isUniform()) {
                return asStack(rows);
            }
            INDArray padded = padded(rows.columns(), scratch);
            Nd4jMath.gather(rows, Nd4j.createFromArray(group.rowOfPlace()), padded);
            return asStack(padded);
        }

        /**
         * Where to write what belongs into these rows: a stack that {@link #write} then copies, or the rows themselves.
         */
        INDArray room(INDArray rows, Nd4jMemory.Scratch scratch) {
            return asStack(group.isUniform() ? rows : padded(rows.columns(), scratch));
        }

        /** Ends the writing into a {@link #room}. */
        void write(INDArray room, INDArray rows) {
            if (!group.isUniform()) {
                INDArray padded =
                        room.permute(0, 2, 1, 3).reshape((long) group.count() * group.longest(), rows.columns());
                Nd4jMath.gather(padded, Nd4j.createFromArray(group.placeOfRow()), rows);
            }
        }

        private INDArray padded(long numColumns, Nd4jMemory.Scratch scratch) {
            return scratch.matrix((long) group.count() * group.longest(), numColumns);
        }

        private INDArray asStack(INDArray rows) {
            return rows.reshape(group.count(), group.longest(), numHeads, rows.columns() / numHeads)
                    .permute(0, 2, 1, 3);
        }
    }

    /**
     * What forward and backward need of a group.
     *
     * @param queries the side of the queries
     * @param keys the side of the keys
     * @param q its queries [S, N, Q, K]
     * @param k its keys [S, N, J, K]
     * @param v its values [S, N, J, K]
     * @param scores {@code q·kᵀ/√K} [S, N, Q, J]
     */
    private record Stacks(Side queries, Side keys, INDArray q, INDArray k, INDArray v, INDArray scores) {}

    Attention attention(Qkv qkv, Segments querySegments, Segments keySegments) {
        requireFit(qkv, querySegments, keySegments);
        int numHeads = qkv.qLNK().dim(1);
        int width = qkv.qLNK().dim(2);
        Nd4jTensor outLNK = memory.allocate(qkv.qLNK().shape());
        Nd4jTensor logSumExpLN = memory.allocate(qkv.qLNK().dim(0), numHeads);
        for (SegmentGroup.Pair pair : SegmentGroup.pairs(querySegments, keySegments)) {
            try (Nd4jMemory.Scratch scratch = memory.scratch()) {
                Stacks stacks = stacks(qkv, pair, scratch);
                INDArray logSumExp = softmax(asRows(stacks.scores), scratch);
                Side queries = stacks.queries;
                INDArray out = queries.rows(outLNK, width);
                INDArray attended = queries.room(out, scratch);
                Nd4jMath.matmul(of(stacks.scores), of(stacks.v), 1, 0, attended);
                queries.write(attended, out);
                INDArray sums = queries.rows(logSumExpLN, 1);
                INDArray sumStack = queries.room(sums, scratch);
                sumStack.assign(logSumExp.reshape(sumStack.shape()));
                queries.write(sumStack, sums);
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
        AttentionGrad grad = new AttentionGrad(
                memory.allocate(qkv.qLNK().shape()),
                memory.allocate(qkv.kLNK().shape()),
                memory.allocate(qkv.vLNK().shape()));
        for (SegmentGroup.Pair pair : SegmentGroup.pairs(querySegments, keySegments)) {
            try (Nd4jMemory.Scratch scratch = memory.scratch()) {
                groupBackward(dOutLNK, forward, stacks(qkv, pair, scratch), grad, scratch);
            }
        }
        return grad;
    }

    /**
     * With P the softmax and alignment {@code Σ_K dOut∘out} of each query: {@code dv = Pᵀ·dOut}, {@code dS = P∘(dOut·vᵀ
     * − alignment)}, {@code dq = dS·k/√K} and {@code dk = dSᵀ·q/√K}.
     */
    private void groupBackward(
            Tensor dOutLNK, Attention forward, Stacks stacks, AttentionGrad grad, Nd4jMemory.Scratch scratch) {
        Side queries = stacks.queries;
        Side keys = stacks.keys;
        int width = dOutLNK.dim(2);
        INDArray weights = stacks.scores;
        INDArray weightRows = asRows(weights);
        INDArray logSumExp = queries.stack(queries.rows(memory.inside(forward.logSumExpLN()), 1), scratch);
        Nd4jMath.subtract(weightRows, asColumn(logSumExp, scratch), weightRows);
        Nd4jMath.exp(weightRows, weightRows);

        INDArray dOutRows = queries.rows(memory.inside(dOutLNK), width);
        INDArray dOut = queries.stack(dOutRows, scratch);
        INDArray dv = keys.rows(memory.inside(grad.dvLNK()), width);
        INDArray dvStack = keys.room(dv, scratch);
        Nd4jMath.matmul(transposed(weights), of(dOut), 1, 0, dvStack);
        keys.write(dvStack, dv);

        INDArray product = scratch.like(dOutRows);
        Nd4jMath.multiply(dOutRows, queries.rows(memory.inside(forward.outLNK()), width), product);
        INDArray alignment = scratch.matrix(product.rows(), queries.numHeads);
        Nd4jMath.matmul(
                of(product.reshape(product.length() / width, width)),
                of(memory.onesColumn(width)),
                1,
                0,
                alignment.reshape(alignment.length(), 1));

        INDArray dScores = scratch.like(weights);
        INDArray dScoreRows = asRows(dScores);
        Nd4jMath.matmul(of(dOut), transposed(stacks.v), 1, 0, dScores);
        Nd4jMath.subtract(dScoreRows, asColumn(queries.stack(alignment, scratch), scratch), dScoreRows);
        Nd4jMath.multiply(dScoreRows, weightRows, dScoreRows);

        double scale = 1 / Math.sqrt(width);
        INDArray dq = queries.rows(memory.inside(grad.dqLNK()), width);
        INDArray dqStack = queries.room(dq, scratch);
        Nd4jMath.matmul(of(dScores), of(stacks.k), scale, 0, dqStack);
        queries.write(dqStack, dq);
        INDArray dk = keys.rows(memory.inside(grad.dkLNK()), width);
        INDArray dkStack = keys.room(dk, scratch);
        Nd4jMath.matmul(transposed(dScores), of(stacks.q), scale, 0, dkStack);
        keys.write(dkStack, dk);
    }

    private Stacks stacks(Qkv qkv, SegmentGroup.Pair pair, Nd4jMemory.Scratch scratch) {
        int numHeads = qkv.qLNK().dim(1);
        int width = qkv.qLNK().dim(2);
        Side queries = new Side(pair.queries(), numHeads);
        Side keys = new Side(pair.keys(), numHeads);
        INDArray q = queries.stack(queries.rows(memory.inside(qkv.qLNK()), width), scratch);
        INDArray k = keys.stack(keys.rows(memory.inside(qkv.kLNK()), width), scratch);
        INDArray v = keys.stack(keys.rows(memory.inside(qkv.vLNK()), width), scratch);
        INDArray scores = scratch.stack(q.size(0), q.size(1), q.size(2), k.size(2));
        int addedTo = 0;
        if (!pair.isUniform()) {
            mask(pair, numHeads, scores, scratch);
            addedTo = 1;
        }
        Nd4jMath.matmul(of(q), transposed(k), 1 / Math.sqrt(width), addedTo, scores);
        return new Stacks(queries, keys, q, k, v, scores);
    }

    /** Writes 0 for each pair of a query and a key, and {@link #PADDING_SCORE} where either is padding. */
    private static void mask(SegmentGroup.Pair pair, int numHeads, INDArray scores, Nd4jMemory.Scratch scratch) {
        long numScores = scores.size(2) * scores.size(3);
        INDArray masks = scratch.filled(pair.masks(PADDING_SCORE), scores.size(0), numScores);
        int[] segmentOfMatrix = new int[Math.toIntExact(scores.size(0) * numHeads)];
        Arrays.setAll(segmentOfMatrix, i -> i / numHeads);
        Nd4jMath.gather(
                masks, Nd4j.createFromArray(segmentOfMatrix), scores.reshape(segmentOfMatrix.length, numScores));
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

    /** A stack [S, N, Q, J] without gaps as rows [S · N · Q, J]. */
    private static INDArray asRows(INDArray stack) {
        return stack.reshape(stack.length() / stack.size(3), stack.size(3));
    }

    /** A value for each query [S, N, Q, 1] as a column [S · N · Q, 1]. */
    private static INDArray asColumn(INDArray stack, Nd4jMemory.Scratch scratch) {
        INDArray copy = scratch.like(stack);
        copy.assign(stack);
        return asRows(copy);
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
