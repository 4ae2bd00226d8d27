package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;

/**
 * Attention within segments without a matrix of all scores: tiles of queries against tiles of keys with a {@link RunningSoftmax} (Dao, 2307.08691,
 * algorithm 1). A task is a block of queries of one head against all keys of their segment.
 */
final class FlashAttention {
    private static final int LONGEST_KEY_TILE = 256;
    /** Queries of a task: so many that packing the keys costs little beside, should no other task of the head come to the same worker. */
    private static final int BLOCK_QUERIES = 512;

    private final Memory memory;
    private final Workers workers;
    private final DType workingType;
    private final AttentionWork work;

    FlashAttention(Memory memory, Workers workers, Matmuls matmuls, DType workingType) {
        this.memory = memory;
        this.workers = workers;
        this.workingType = workingType;
        work = new AttentionWork(matmuls);
    }

    Attention attention(Tensor qLNK, Tensor kLNK, Tensor vLNK, Segments querySegments, Segments keySegments) {
        Qkv qkv = new Qkv(qLNK, kLNK, vLNK);
        AttentionWork.requireFit(qkv, querySegments, keySegments);
        Attention result = new Attention(
                memory.allocate(workingType, qLNK.shape()), memory.allocate(DType.FP32, qLNK.dim(0), qLNK.dim(1)));
        long mark = memory.mark();
        Pass pass = new Pass(qkv, result, querySegments, keySegments);
        workers.run(pass.tasks.count(), pass);
        memory.release(mark);
        return result;
    }

    /** A head of a segment, and who works on it. */
    private record Head(int segment, int head, int worker) {}

    /** One call: its tensors, its tasks and where workers keep what they pack. */
    private final class Pass implements Workers.Tile {
        private final CpuTensor q;
        private final CpuTensor k;
        private final CpuTensor v;
        private final CpuTensor out;
        private final CpuTensor logSumExp;
        private final Segments querySegments;
        private final Segments keySegments;
        private final int numHeads;
        private final int width;
        private final float scale;
        private final DType type = work.productType();
        private final TileProducts.Grid grid;
        private final AttentionWork.Tasks tasks;
        private final AttentionWork.Packed packed = new AttentionWork.Packed(workers.count());
        /** The segment's keys, tile by tile [K, keys of the tile]. */
        private final PerWorker keyColumns;
        /** The segment's values [keys, K]. */
        private final PerWorker values;
        /** A tile of queries, or of keys before they are transposed. */
        private final PerWorker rows;
        /** A tile of scores, which become weights. */
        private final PerWorker scores;
        /** The weights in the products' type, where that is not FP32. */
        private final PerWorker narrowed;

        /** What the softmax keeps of a tile of queries. */
        private final PerWorker state;
        /** A tile of outputs. */
        private final PerWorker outRows;

        Pass(Qkv qkv, Attention result, Segments querySegments, Segments keySegments) {
            q = memory.inside(qkv.qLNK());
            k = memory.inside(qkv.kLNK());
            v = memory.inside(qkv.vLNK());
            out = memory.inside(result.outLNK());
            logSumExp = memory.inside(result.logSumExpLN());
            this.querySegments = querySegments;
            this.keySegments = keySegments;
            numHeads = q.dim(1);
            width = q.dim(2);
            scale = AttentionWork.scale(width);
            grid = work.grid(width);
            tasks = new AttentionWork.Tasks(querySegments.count());
            long mostKeys = 0;
            long longestTile = 0;
            long mostScores = 0;
            for (int s = 0; s < querySegments.count(); s++) {
                Cut keys = keyCut(s);
                Cut queries = queryCut(s, keys);
                tasks.add(s, numHeads * Math.ceilDiv(queries.count(), tilesPerBlock(queries)));
                compile(queries, keys);
                mostKeys = Math.max(mostKeys, keys.paddedLength());
                longestTile = Math.max(longestTile, Math.max(queries.tile(), keys.tile()));
                mostScores = Math.max(mostScores, (long) queries.tile() * keys.tile());
            }
            keyColumns = PerWorker.reserve(memory, workers, mostKeys * width * type.bytes());
            values = PerWorker.reserve(memory, workers, mostKeys * width * type.bytes());
            rows = PerWorker.reserve(memory, workers, longestTile * width * type.bytes());
            scores = PerWorker.reserve(memory, workers, mostScores * Float.BYTES);
            narrowed = PerWorker.reserve(memory, workers, type == DType.FP32 ? 0 : mostScores * type.bytes());
            state = PerWorker.reserve(memory, workers, RunningSoftmax.stateBytes(longestTile));
            outRows = PerWorker.reserve(memory, workers, longestTile * width * Float.BYTES);
        }

        private Cut keyCut(int segment) {
            return Cut.of(keySegments.length(segment), LONGEST_KEY_TILE);
        }

        private Cut queryCut(int segment, Cut keys) {
            return AttentionWork.cutAgainst(keys.tile(), querySegments.length(segment));
        }

        private static int tilesPerBlock(Cut queries) {
            return Math.max(1, BLOCK_QUERIES / queries.tile());
        }

        private void compile(Cut queries, Cut keys) {
            for (int j = 0; j < keys.count(); j++) {
                grid.of(queries.tile(), keys.paddedRows(j)).compileWeighted(j > 0);
                grid.of(queries.lastPaddedRows(), keys.paddedRows(j)).compileWeighted(j > 0);
            }
        }

        @Override
        public void run(int task, int worker) {
            int segment = tasks.segment(task);
            Cut keys = keyCut(segment);
            Cut queries = queryCut(segment, keys);
            int tilesPerBlock = tilesPerBlock(queries);
            int blocks = Math.ceilDiv(queries.count(), tilesPerBlock);
            int index = tasks.index(task, segment);
            int block = index % blocks;
            Head on = new Head(segment, index / blocks, worker);
            if (packed.replace(worker, segment * numHeads + on.head)) {
                packKeys(on, keys);
            }
            int end = Math.min(queries.count(), (block + 1) * tilesPerBlock);
            for (int i = block * tilesPerBlock; i < end; i++) {
                attend(on, queries, i, keys);
            }
        }

        private void packKeys(Head on, Cut keys) {
            HeadRows keyRows = HeadRows.of(k, keySegments.offset(on.segment), on.head);
            HeadRows valueRows = HeadRows.of(v, keySegments.offset(on.segment), on.head);
            long temporary = rows.of(on.worker);
            for (int j = 0; j < keys.count(); j++) {
                long at = (long) keys.start(j) * width * type.bytes();
                int padded = keys.paddedRows(j);
                keyRows.pack(keys.start(j), keys.rows(j), padded, type, temporary);
                HeadRows.transpose(temporary, padded, width, type, keyColumns.of(on.worker) + at);
                valueRows.pack(keys.start(j), keys.rows(j), padded, type, values.of(on.worker) + at);
            }
        }

        private void attend(Head on, Cut queries, int tile, Cut keys) {
            int worker = on.worker;
            int first = queries.start(tile);
            int numRows = queries.rows(tile);
            int padded = queries.paddedRows(tile);
            HeadRows.of(q, querySegments.offset(on.segment), on.head)
                    .pack(first, numRows, padded, type, rows.of(worker));
            RunningSoftmax softmax = new RunningSoftmax(
                    state.of(worker), outRows.of(worker), width, scale, type == DType.FP32 ? 0 : narrowed.of(worker));
            long weights = type == DType.FP32 ? scores.of(worker) : narrowed.of(worker);
            for (int j = 0; j < keys.count(); j++) {
                long at = (long) keys.start(j) * width * type.bytes();
                int paddedKeys = keys.paddedRows(j);
                TileProducts products = grid.of(padded, paddedKeys);
                products.scores().run(worker, rows.of(worker), keyColumns.of(worker) + at, scores.of(worker));
                RunningSoftmax.mask(scores.of(worker), numRows, keys.rows(j), paddedKeys);
                softmax.weigh(scores.of(worker), numRows, paddedKeys, j == 0);
                if (j > 0) {
                    softmax.rescale(numRows);
                }
                products.weighted(j > 0).run(worker, weights, values.of(worker) + at, outRows.of(worker));
            }
            for (int row = 0; row < numRows; row++) {
                long token = (long) querySegments.offset(on.segment) + first + row;
                Vectors.set(logSumExp.address(token * numHeads + on.head), softmax.finish(row));
            }
            HeadRows.of(out, querySegments.offset(on.segment), on.head).write(first, numRows, outRows.of(worker));
        }
    }
}
