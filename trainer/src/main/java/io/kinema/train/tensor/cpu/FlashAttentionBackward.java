package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import jdk.incubator.vector.FloatVector;

/**
 * The backward of {@link FlashAttention}: weights are computed again, tile by tile, from scores and log-denominators (Dao, 2307.08691, algorithm 2). A
 * task is a stripe of keys of one head against all queries of their segment. Tiles are keys against queries, so that but one operand of the five products
 * needs transposing, and that one is small.
 *
 * <p>A stripe's gradients of keys and values are complete. Those of the queries are, where a segment has several stripes, summed in the order of the
 * stripes, for a few heads at a time, to bound the memory.
 */
final class FlashAttentionBackward {
    private static final int LONGEST_KEY_TILE = 256;
    private static final int STRIPE_KEYS = 2048;
    /** Stripes of long segments that are worked on before their gradients of queries are summed: enough for as many threads. */
    private static final int STRIPES_AT_ONCE = 16;

    private final Memory memory;
    private final Workers workers;
    private final AttentionWork work;

    FlashAttentionBackward(Memory memory, Workers workers, Matmuls matmuls, DType workingType) {
        this.memory = memory;
        this.workers = workers;
        work = new AttentionWork(matmuls);
    }

    AttentionGrad attentionBackward(
            Tensor dOutLNK, Qkv qkv, Attention forward, Segments querySegments, Segments keySegments) {
        AttentionWork.requireFit(qkv, querySegments, keySegments);
        Shapes.requireSame("dOut", dOutLNK, "q", qkv.qLNK());
        Shapes.requireSame("out", forward.outLNK(), "q", qkv.qLNK());
        Shapes.require(
                "logSumExp",
                forward.logSumExpLN(),
                qkv.qLNK().dim(0),
                qkv.qLNK().dim(1));
        AttentionGrad grad = new AttentionGrad(like(qkv.qLNK()), like(qkv.kLNK()), like(qkv.vLNK()));
        long mark = memory.mark();
        new Pass(new Given(dOutLNK, qkv, forward), grad, querySegments, keySegments).run();
        memory.release(mark);
        return grad;
    }

    private CpuTensor like(Tensor tensor) {
        return memory.allocate(tensor.dtype(), tensor.shape());
    }

    private record Given(Tensor dOutLNK, Qkv qkv, Attention forward) {}

    /** A head of a segment, and who works on it. */
    private record Head(int segment, int head, int worker) {}

    /** One call: its tensors and where workers keep what they pack. */
    private final class Pass {
        private final CpuTensor q;
        private final CpuTensor k;
        private final CpuTensor v;
        private final CpuTensor out;
        private final CpuTensor logSumExp;
        private final CpuTensor dOut;
        private final CpuTensor dq;
        private final CpuTensor dk;
        private final CpuTensor dv;
        private final Segments querySegments;
        private final Segments keySegments;
        private final int numHeads;
        private final int width;
        private final DType type = work.productType();
        private final TileProducts.Grid grid;
        private final AttentionWork.Packed packed = new AttentionWork.Packed(workers.count());
        private final BackwardBuffers buffers;

        Pass(Given given, AttentionGrad grad, Segments querySegments, Segments keySegments) {
            q = memory.inside(given.qkv.qLNK());
            k = memory.inside(given.qkv.kLNK());
            v = memory.inside(given.qkv.vLNK());
            out = memory.inside(given.forward.outLNK());
            logSumExp = memory.inside(given.forward.logSumExpLN());
            dOut = memory.inside(given.dOutLNK);
            dq = memory.inside(grad.dqLNK());
            dk = memory.inside(grad.dkLNK());
            dv = memory.inside(grad.dvLNK());
            this.querySegments = querySegments;
            this.keySegments = keySegments;
            numHeads = q.dim(1);
            width = q.dim(2);
            grid = work.grid(width);
            long mostQueries = 0;
            long longestTile = 0;
            long mostScores = 0;
            long mostPartial = 0;
            for (int s = 0; s < querySegments.count(); s++) {
                Cut keys = keyCut(s);
                Cut queries = queryCut(s, keys);
                compile(queries, keys);
                mostQueries = Math.max(mostQueries, queries.paddedLength());
                longestTile = Math.max(longestTile, Math.max(queries.tile(), keys.tile()));
                mostScores = Math.max(mostScores, (long) queries.tile() * keys.tile());
                int stripes = stripes(keys);
                if (stripes > 1) {
                    mostPartial = Math.max(mostPartial, (long) headsAtOnce(stripes) * stripes * queries.paddedLength());
                }
            }
            buffers = new BackwardBuffers(
                    memory,
                    workers,
                    type,
                    width,
                    new BackwardBuffers.Sizes(mostQueries, longestTile, mostScores, mostPartial));
        }

        private Cut keyCut(int segment) {
            return Cut.of(keySegments.length(segment), LONGEST_KEY_TILE);
        }

        private Cut queryCut(int segment, Cut keys) {
            return AttentionWork.cutAgainst(keys.tile(), querySegments.length(segment));
        }

        private static int tilesOfStripe(Cut keys) {
            return Math.ceilDiv(keys.count(), Math.ceilDiv(keys.length(), STRIPE_KEYS));
        }

        private static int stripes(Cut keys) {
            return Math.ceilDiv(keys.count(), tilesOfStripe(keys));
        }

        private int headsAtOnce(int stripes) {
            return Math.clamp(STRIPES_AT_ONCE / stripes, 1, numHeads);
        }

        private void compile(Cut queries, Cut keys) {
            for (int a : new int[] {keys.tile(), keys.lastPaddedRows()}) {
                for (int b : new int[] {queries.tile(), queries.lastPaddedRows()}) {
                    grid.of(a, b).compileWeighted(queries.count() > 1);
                    grid.of(a, b).compileColumns(keys.count() > 1);
                }
            }
        }

        void run() {
            AttentionWork.Tasks tasks = new AttentionWork.Tasks(keySegments.count());
            for (int s = 0; s < keySegments.count(); s++) {
                tasks.add(s, stripes(keyCut(s)) == 1 ? numHeads : 0);
            }
            workers.run(tasks.count(), (task, worker) -> {
                int segment = tasks.segment(task);
                Head on = new Head(segment, tasks.index(task, segment), worker);
                stripe(on, 0, buffers.queryColumnGradients.of(worker));
                Cut queries = queryCut(segment, keyCut(segment));
                for (int i = 0; i < queries.count(); i++) {
                    writeQueries(on, queries, i, buffers.queryColumnGradients.of(worker));
                }
            });
            for (int s = 0; s < keySegments.count(); s++) {
                if (stripes(keyCut(s)) > 1) {
                    runLong(s);
                }
            }
        }

        private void runLong(int segment) {
            Cut keys = keyCut(segment);
            Cut queries = queryCut(segment, keys);
            int stripes = stripes(keys);
            int most = headsAtOnce(stripes);
            long partBytes = 4L * queries.paddedLength() * width;
            for (int h = 0; h < numHeads; h += most) {
                int firstHead = h;
                int heads = Math.min(most, numHeads - firstHead);
                workers.run(
                        heads * stripes,
                        (task, worker) -> stripe(
                                new Head(segment, firstHead + task / stripes, worker),
                                task % stripes,
                                buffers.partial + task * partBytes));
                workers.run(heads * queries.count(), (task, worker) -> {
                    int head = task / queries.count();
                    int tile = task % queries.count();
                    long sum = buffers.partial + head * stripes * partBytes;
                    long at = 4L * queries.start(tile) * width;
                    for (int i = 1; i < stripes; i++) {
                        Rows.add(sum + at, sum + i * partBytes + at, sum + at, queries.paddedRows(tile) * width);
                    }
                    writeQueries(new Head(segment, firstHead + head, worker), queries, tile, sum);
                });
            }
        }

        /** A stripe of keys; the gradients of the queries become those of this stripe. */
        private void stripe(Head on, int stripe, long queryColumnGradients) {
            Cut keys = keyCut(on.segment);
            Cut queries = queryCut(on.segment, keys);
            if (packed.replace(on.worker, on.segment * numHeads + on.head)) {
                packQueries(on, queries);
            }
            int first = stripe * tilesOfStripe(keys);
            int end = Math.min(keys.count(), first + tilesOfStripe(keys));
            for (int j = first; j < end; j++) {
                packKeys(on, keys, j);
                for (int i = 0; i < queries.count(); i++) {
                    differentiate(on, keys, j, queries, i);
                    long at = 4L * queries.start(i) * width;
                    grid.of(keys.paddedRows(j), queries.paddedRows(i))
                            .columns(j > first)
                            .run(
                                    on.worker,
                                    buffers.keyColumns.of(on.worker),
                                    buffers.scoreGradients(on.worker),
                                    queryColumnGradients + at);
                }
                writeKeys(on, keys, j);
            }
        }

        private void packQueries(Head on, Cut queries) {
            int worker = on.worker;
            int firstToken = querySegments.offset(on.segment);
            HeadRows queryRows = HeadRows.of(q, firstToken, on.head);
            HeadRows dOutRows = HeadRows.of(dOut, firstToken, on.head);
            for (int i = 0; i < queries.count(); i++) {
                long at = (long) queries.start(i) * width * type.bytes();
                int padded = queries.paddedRows(i);
                queryRows.pack(queries.start(i), queries.rows(i), padded, type, buffers.queryRows.of(worker) + at);
                HeadRows.transpose(
                        buffers.queryRows.of(worker) + at, padded, width, type, buffers.queryColumns.of(worker) + at);
                dOutRows.pack(queries.start(i), queries.rows(i), padded, type, buffers.dOutRows.of(worker) + at);
                HeadRows.transpose(
                        buffers.dOutRows.of(worker) + at, padded, width, type, buffers.dOutColumns.of(worker) + at);
            }
            HeadRows outRows = HeadRows.of(out, firstToken, on.head);
            long widened = buffers.widened.of(worker);
            for (int row = 0; row < queries.paddedLength(); row++) {
                float minusLogSum = WeightGradient.PADDING;
                float alignment = 0;
                if (row < queries.length()) {
                    long token = (long) firstToken + row;
                    minusLogSum = -AttentionWork.toBase2(Vectors.get(logSumExp.address(token * numHeads + on.head)));
                    alignment = dot(
                            Vectors.floats(dOutRows.at(row), dOut.dtype(), widened, width),
                            Vectors.floats(outRows.at(row), out.dtype(), widened + 4L * width, width),
                            width,
                            widened + 8L * width);
                }
                Vectors.set(buffers.minusLogSums.of(worker) + 4L * row, minusLogSum);
                Vectors.set(buffers.alignments.of(worker) + 4L * row, alignment);
            }
        }

        private void packKeys(Head on, Cut keys, int tile) {
            int worker = on.worker;
            int firstToken = keySegments.offset(on.segment);
            int padded = keys.paddedRows(tile);
            HeadRows.of(k, firstToken, on.head)
                    .pack(keys.start(tile), keys.rows(tile), padded, type, buffers.keyRows.of(worker));
            HeadRows.transpose(buffers.keyRows.of(worker), padded, width, type, buffers.keyColumns.of(worker));
            HeadRows.of(v, firstToken, on.head)
                    .pack(keys.start(tile), keys.rows(tile), padded, type, buffers.valueRows.of(worker));
        }

        /** Weights and the gradients of scores of a tile, and what they add to the gradients of its keys and values. */
        private void differentiate(Head on, Cut keys, int j, Cut queries, int i) {
            int worker = on.worker;
            int paddedQueries = queries.paddedRows(i);
            TileProducts products = grid.of(keys.paddedRows(j), paddedQueries);
            long at = (long) queries.start(i) * width * type.bytes();
            products.scores()
                    .run(
                            worker,
                            buffers.keyRows.of(worker),
                            buffers.queryColumns.of(worker) + at,
                            buffers.scores.of(worker));
            products.scores()
                    .run(
                            worker,
                            buffers.valueRows.of(worker),
                            buffers.dOutColumns.of(worker) + at,
                            buffers.gradients.of(worker));
            buffers.weightGradient(worker, AttentionWork.scale(width))
                    .run(
                            keys.rows(j),
                            keys.paddedRows(j),
                            paddedQueries,
                            buffers.minusLogSums.of(worker) + 4L * queries.start(i),
                            buffers.alignments.of(worker) + 4L * queries.start(i));
            products.weighted(i > 0)
                    .run(
                            worker,
                            buffers.weights(worker),
                            buffers.dOutRows.of(worker) + at,
                            buffers.valueGradients.of(worker));
            products.weighted(i > 0)
                    .run(
                            worker,
                            buffers.scoreGradients(worker),
                            buffers.queryRows.of(worker) + at,
                            buffers.keyGradients.of(worker));
        }

        private void writeKeys(Head on, Cut keys, int tile) {
            int firstToken = keySegments.offset(on.segment);
            int rows = keys.rows(tile);
            long keyGradients = buffers.keyGradients.of(on.worker);
            HeadRows.scale(keyGradients, (float) (1 / Math.sqrt(width)), rows * width);
            HeadRows.of(dk, firstToken, on.head).write(keys.start(tile), rows, keyGradients);
            HeadRows.of(dv, firstToken, on.head).write(keys.start(tile), rows, buffers.valueGradients.of(on.worker));
        }

        private void writeQueries(Head on, Cut queries, int tile, long queryColumnGradients) {
            int rows = queries.rows(tile);
            long scratch = buffers.keyGradients.of(on.worker);
            HeadRows.transpose(
                    queryColumnGradients + 4L * queries.start(tile) * width,
                    width,
                    queries.paddedRows(tile),
                    DType.FP32,
                    scratch);
            HeadRows.scale(scratch, (float) (1 / Math.sqrt(width)), rows * width);
            HeadRows.of(dq, querySegments.offset(on.segment), on.head).write(queries.start(tile), rows, scratch);
        }
    }

    /** Sums products; by lanes in {@code sums}, see {@link RunningSoftmax}. */
    private static float dot(long x, long y, int n, long sums) {
        Vectors.store(FloatVector.zero(Vectors.FLOATS), sums);
        int i = 0;
        for (; i <= n - Vectors.LANES; i += Vectors.LANES) {
            Vectors.store(Vectors.load(x + 4L * i).fma(Vectors.load(y + 4L * i), Vectors.load(sums)), sums);
        }
        float sum = 0;
        for (int lane = 0; lane < Vectors.LANES; lane++) {
            sum += Vectors.get(sums + 4L * lane);
        }
        for (; i < n; i++) {
            sum += Vectors.get(x + 4L * i) * Vectors.get(y + 4L * i);
        }
        return sum;
    }
}
