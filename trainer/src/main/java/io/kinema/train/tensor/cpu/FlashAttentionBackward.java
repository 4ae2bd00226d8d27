package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * The backward of {@link FlashAttention}: weights are computed again, tile by tile, from scores and log-denominators
 * (Dao, 2307.08691, algorithm 2). A task is a stripe of keys of one head against all queries of their segment. Tiles
 * are keys against queries, so that but one operand of the five products needs transposing, and that one is small.
 *
 * <p>A stripe's gradients of keys and values are complete. Those of the queries are, where a segment has several
 * stripes, summed in the order of the stripes, for a few heads at a time, to bound the memory.
 */
final class FlashAttentionBackward {
    private static final int LONGEST_KEY_TILE = 256;
    private static final int STRIPE_KEYS = 2048;
    /**
     * Stripes of long segments that are worked on before their gradients of queries are summed: enough for as many
     * threads.
     */
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
        return memory.allocateLike(tensor.dtype(), memory.inside(tensor));
    }

    private record Given(Tensor dOutLNK, Qkv qkv, Attention forward) {}

    /** One call: its tensors and where workers keep what they pack. */
    private final class Pass {
        private final HeadRows q;
        private final HeadRows k;
        private final HeadRows v;
        private final HeadRows out;
        private final CpuTensor logSumExp;
        private final HeadRows dOut;
        private final HeadRows dq;
        private final HeadRows dk;
        private final HeadRows dv;
        private final Segments querySegments;
        private final Segments keySegments;
        private final int numHeads;
        private final int width;
        private final DType type = work.productType();
        private final TileProducts.TileGrid grid;
        private final AttentionWork.Position[] positions = AttentionWork.Position.forWorkers(workers.count());
        private final Cut[] keyCuts;
        private final Cut[] queryCuts;
        private final BackwardBuffers buffers;
        private final WeightGradient[] weightGradients;

        Pass(Given given, AttentionGrad grad, Segments querySegments, Segments keySegments) {
            q = HeadRows.of(memory.inside(given.qkv.qLNK()), type);
            k = HeadRows.of(memory.inside(given.qkv.kLNK()), type);
            v = HeadRows.of(memory.inside(given.qkv.vLNK()), type);
            out = HeadRows.of(memory.inside(given.forward.outLNK()), type);
            logSumExp = memory.inside(given.forward.logSumExpLN());
            dOut = HeadRows.of(memory.inside(given.dOutLNK), type);
            dq = HeadRows.of(memory.inside(grad.dqLNK()), type);
            dk = HeadRows.of(memory.inside(grad.dkLNK()), type);
            dv = HeadRows.of(memory.inside(grad.dvLNK()), type);
            this.querySegments = querySegments;
            this.keySegments = keySegments;
            numHeads = logSumExp.dim(1);
            width = q.width();
            grid = work.grid(width);
            long mostQueries = 0;
            long longestTile = 0;
            long mostScores = 0;
            long mostPartial = 0;
            keyCuts = new Cut[keySegments.count()];
            queryCuts = new Cut[keySegments.count()];
            for (int s = 0; s < keyCuts.length; s++) {
                Cut keys = Cut.of(keySegments.length(s), LONGEST_KEY_TILE);
                Cut queries = AttentionWork.cutAgainst(keys.tile(), querySegments.length(s));
                keyCuts[s] = keys;
                queryCuts[s] = queries;
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
            weightGradients = new WeightGradient[workers.count()];
            Arrays.setAll(weightGradients, worker -> buffers.weightGradient(worker, AttentionWork.scale(width)));
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
            compile(queries, keys, keys.tile());
            compile(queries, keys, keys.lastPaddedRows());
        }

        private void compile(Cut queries, Cut keys, int keyRows) {
            compile(queries, keys, grid.of(keyRows, queries.tile()));
            compile(queries, keys, grid.of(keyRows, queries.lastPaddedRows()));
        }

        private static void compile(Cut queries, Cut keys, TileProducts products) {
            products.compileWeighted(queries.count() > 1);
            products.compileColumns(keys.count() > 1);
        }

        void run() {
            AttentionWork.Tasks tasks = new AttentionWork.Tasks(keyCuts.length);
            for (int s = 0; s < keyCuts.length; s++) {
                tasks.add(s, stripes(keyCuts[s]) == 1 ? numHeads : 0);
            }
            workers.run(tasks.count(), (task, worker) -> {
                long own = buffers.of(worker);
                int segment = tasks.segment(task);
                AttentionWork.Position on = positions[worker];
                on.moveTo(segment, tasks.index(task, segment));
                stripe(on, 0, own + buffers.queryColumnGradients, worker);
                for (int i = 0; i < queryCuts[segment].count(); i++) {
                    writeQueries(on, i, own + buffers.queryColumnGradients, worker);
                }
            });
            for (int s = 0; s < keyCuts.length; s++) {
                if (stripes(keyCuts[s]) > 1) {
                    runLong(s);
                }
            }
        }

        private void runLong(int segment) {
            Cut queries = queryCuts[segment];
            int stripes = stripes(keyCuts[segment]);
            int most = headsAtOnce(stripes);
            long partBytes = 4L * queries.paddedLength() * width;
            for (int h = 0; h < numHeads; h += most) {
                int firstHead = h;
                int heads = Math.min(most, numHeads - firstHead);
                workers.run(heads * stripes, (task, worker) -> {
                    AttentionWork.Position on = positions[worker];
                    on.moveTo(segment, firstHead + task / stripes);
                    stripe(on, task % stripes, buffers.partial + task * partBytes, worker);
                });
                workers.run(heads * queries.count(), (task, worker) -> {
                    int head = task / queries.count();
                    int tile = task % queries.count();
                    long sum = buffers.partial + head * stripes * partBytes;
                    long at = 4L * queries.start(tile) * width;
                    for (int i = 1; i < stripes; i++) {
                        RowKernels.add(sum + at, sum + i * partBytes + at, sum + at, queries.paddedRows(tile) * width);
                    }
                    AttentionWork.Position on = positions[worker];
                    on.moveTo(segment, firstHead + head);
                    writeQueries(on, tile, sum, worker);
                });
            }
        }

        /** A stripe of keys; the gradients of the queries become those of this stripe. */
        private void stripe(AttentionWork.Position on, int stripe, long queryColumnGradients, int worker) {
            long own = buffers.of(worker);
            Cut keys = keyCuts[on.segment()];
            Cut queries = queryCuts[on.segment()];
            if (on.startPacking()) {
                packQueries(on, worker);
            }
            int first = stripe * tilesOfStripe(keys);
            int end = Math.min(keys.count(), first + tilesOfStripe(keys));
            for (int j = first; j < end; j++) {
                packKeys(on, j, worker);
                for (int i = 0; i < queries.count(); i++) {
                    differentiate(keys, j, queries, i, worker);
                    long at = 4L * queries.start(i) * width;
                    grid.of(keys.paddedRows(j), queries.paddedRows(i))
                            .columns(j > first)
                            .run(
                                    worker,
                                    own + buffers.keyColumns,
                                    own + buffers.scoreGradients(),
                                    queryColumnGradients + at);
                }
                writeKeys(on, j, worker);
            }
        }

        private void packQueries(AttentionWork.Position on, int worker) {
            long own = buffers.of(worker);
            Cut queries = queryCuts[on.segment()];
            int firstToken = querySegments.offset(on.segment());
            int head = on.head();
            for (int i = 0; i < queries.count(); i++) {
                long at = (long) queries.start(i) * width * type.bytes();
                int first = firstToken + queries.start(i);
                int padded = queries.paddedRows(i);
                q.pack(head, first, queries.rows(i), padded, own + buffers.queryRows + at);
                HeadRows.transpose(own + buffers.queryRows + at, padded, width, type, own + buffers.queryColumns + at);
                dOut.pack(head, first, queries.rows(i), padded, own + buffers.dOutRows + at);
                HeadRows.transpose(own + buffers.dOutRows + at, padded, width, type, own + buffers.dOutColumns + at);
            }
            long widened = own + buffers.widened;
            for (int row = 0; row < queries.paddedLength(); row++) {
                float minusLogSum = WeightGradient.PADDING;
                float alignment = 0;
                if (row < queries.length()) {
                    int token = firstToken + row;
                    minusLogSum =
                            -AttentionWork.toBase2(Vectors.get(logSumExp.address((long) token * numHeads + head)));
                    alignment = dot(
                            Vectors.floats(dOut.at(head, token), dOut.type(), widened, width),
                            Vectors.floats(out.at(head, token), out.type(), widened + 4L * width, width),
                            width,
                            widened + 8L * width);
                }
                Vectors.set(own + buffers.minusLogSums + 4L * row, minusLogSum);
                Vectors.set(own + buffers.alignments + 4L * row, alignment);
            }
        }

        private void packKeys(AttentionWork.Position on, int tile, int worker) {
            long own = buffers.of(worker);
            Cut keys = keyCuts[on.segment()];
            int first = keySegments.offset(on.segment()) + keys.start(tile);
            int padded = keys.paddedRows(tile);
            k.pack(on.head(), first, keys.rows(tile), padded, own + buffers.keyRows);
            HeadRows.transpose(own + buffers.keyRows, padded, width, type, own + buffers.keyColumns);
            v.pack(on.head(), first, keys.rows(tile), padded, own + buffers.valueRows);
        }

        /** Weights and the gradients of scores of a tile, and what they add to the gradients of its keys and values. */
        private void differentiate(Cut keys, int j, Cut queries, int i, int worker) {
            long own = buffers.of(worker);
            int paddedQueries = queries.paddedRows(i);
            TileProducts products = grid.of(keys.paddedRows(j), paddedQueries);
            long at = (long) queries.start(i) * width * type.bytes();
            products.scores().run(worker, own + buffers.keyRows, own + buffers.queryColumns + at, own + buffers.scores);
            products.scores()
                    .run(worker, own + buffers.valueRows, own + buffers.dOutColumns + at, own + buffers.gradients);
            weightGradients[worker].run(
                    keys.rows(j),
                    keys.paddedRows(j),
                    paddedQueries,
                    own + buffers.minusLogSums + 4L * queries.start(i),
                    own + buffers.alignments + 4L * queries.start(i));
            products.weighted(i > 0)
                    .run(worker, own + buffers.weights(), own + buffers.dOutRows + at, own + buffers.valueGradients);
            products.weighted(i > 0)
                    .run(
                            worker,
                            own + buffers.scoreGradients(),
                            own + buffers.queryRows + at,
                            own + buffers.keyGradients);
        }

        private void writeKeys(AttentionWork.Position on, int tile, int worker) {
            long own = buffers.of(worker);
            Cut keys = keyCuts[on.segment()];
            int first = keySegments.offset(on.segment()) + keys.start(tile);
            int rows = keys.rows(tile);
            long keyGradients = own + buffers.keyGradients;
            HeadRows.scale(keyGradients, (float) (1 / Math.sqrt(width)), rows * width);
            dk.write(on.head(), first, rows, keyGradients);
            dv.write(on.head(), first, rows, own + buffers.valueGradients);
        }

        private void writeQueries(AttentionWork.Position on, int tile, long queryColumnGradients, int worker) {
            long own = buffers.of(worker);
            Cut queries = queryCuts[on.segment()];
            int rows = queries.rows(tile);
            long scratch = own + buffers.keyGradients;
            HeadRows.transpose(
                    queryColumnGradients + 4L * queries.start(tile) * width,
                    width,
                    queries.paddedRows(tile),
                    DType.FP32,
                    scratch);
            HeadRows.scale(scratch, (float) (1 / Math.sqrt(width)), rows * width);
            dq.write(on.head(), querySegments.offset(on.segment()) + queries.start(tile), rows, scratch);
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
