package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;

/**
 * Attention within segments without a matrix of all scores: tiles of queries against tiles of keys with a
 * {@link RunningSoftmax} (Dao, 2307.08691, algorithm 1). A task is a block of queries of one head against all keys of
 * their segment.
 */
final class FlashAttention {
    private static final int LONGEST_KEY_TILE = 256;
    /**
     * Queries of a task: so many that packing the keys costs little beside, should no other task of the head come to
     * the same worker.
     */
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
                memory.allocateLike(workingType, memory.inside(qLNK)),
                memory.allocate(DType.FP32, qLNK.dim(0), qLNK.dim(1)));
        long mark = memory.mark();
        Pass pass = new Pass(qkv, result, querySegments, keySegments);
        workers.run(pass.tasks.count(), pass);
        memory.release(mark);
        return result;
    }

    /** One call: its tensors, its tasks and where workers keep what they pack. */
    private final class Pass implements Workers.Tile {
        private final HeadRows q;
        private final HeadRows k;
        private final HeadRows v;
        private final HeadRows out;
        private final CpuTensor logSumExp;
        private final Segments querySegments;
        private final Segments keySegments;
        private final int numHeads;
        private final int width;
        private final DType type = work.productType();
        private final TileProducts.TileGrid grid;
        private final AttentionWork.Tasks tasks;
        private final AttentionWork.Position[] positions = AttentionWork.Position.forWorkers(workers.count());
        private final Cut[] keyCuts;
        private final Cut[] queryCuts;
        /** What each worker has to itself; where in it the buffers below begin. */
        private final PerWorker room = new PerWorker();
        /** The segment's keys, tile by tile [K, keys of the tile]. */
        private final long keyColumns;
        /** The segment's values [keys, K]. */
        private final long values;
        /** A tile of queries, or of keys before they are transposed. */
        private final long rows;
        /** A tile of scores, which become weights. */
        private final long scores;
        /** The weights in the products' type, where that is not FP32. */
        private final long narrowed;
        /** A tile of outputs. */
        private final long outRows;
        /** What each worker keeps of a tile of queries. */
        private final RunningSoftmax[] softmaxes;

        Pass(Qkv qkv, Attention result, Segments querySegments, Segments keySegments) {
            q = HeadRows.of(memory.inside(qkv.qLNK()), type);
            k = HeadRows.of(memory.inside(qkv.kLNK()), type);
            v = HeadRows.of(memory.inside(qkv.vLNK()), type);
            out = HeadRows.of(memory.inside(result.outLNK()), type);
            logSumExp = memory.inside(result.logSumExpLN());
            this.querySegments = querySegments;
            this.keySegments = keySegments;
            numHeads = logSumExp.dim(1);
            width = q.width();
            grid = work.grid(width);
            int numSegments = querySegments.count();
            keyCuts = new Cut[numSegments];
            queryCuts = new Cut[numSegments];
            tasks = new AttentionWork.Tasks(numSegments);
            long mostKeys = 0;
            long longestTile = 0;
            long mostScores = 0;
            for (int s = 0; s < numSegments; s++) {
                Cut keys = Cut.of(keySegments.length(s), LONGEST_KEY_TILE);
                Cut queries = AttentionWork.cutAgainst(keys.tile(), querySegments.length(s));
                keyCuts[s] = keys;
                queryCuts[s] = queries;
                tasks.add(s, numHeads * Math.ceilDiv(queries.count(), tilesPerBlock(queries)));
                compile(queries, keys);
                mostKeys = Math.max(mostKeys, keys.paddedLength());
                longestTile = Math.max(longestTile, Math.max(queries.tile(), keys.tile()));
                mostScores = Math.max(mostScores, (long) queries.tile() * keys.tile());
            }
            keyColumns = room.add(mostKeys * width * type.bytes());
            values = room.add(mostKeys * width * type.bytes());
            rows = room.add(longestTile * width * type.bytes());
            scores = room.add(mostScores * Float.BYTES);
            narrowed = room.add(type == DType.FP32 ? 0 : mostScores * type.bytes());
            outRows = room.add(longestTile * width * Float.BYTES);
            long state = room.add(RunningSoftmax.stateBytes(longestTile));
            room.reserve(memory, workers);
            softmaxes = new RunningSoftmax[workers.count()];
            for (int i = 0; i < softmaxes.length; i++) {
                long own = room.of(i);
                softmaxes[i] = new RunningSoftmax(
                        own + state,
                        own + outRows,
                        width,
                        AttentionWork.scale(width),
                        type == DType.FP32 ? 0 : own + narrowed);
            }
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
            Cut queries = queryCuts[segment];
            int tilesPerBlock = tilesPerBlock(queries);
            int blocks = Math.ceilDiv(queries.count(), tilesPerBlock);
            int index = tasks.index(task, segment);
            AttentionWork.Position on = positions[worker];
            on.moveTo(segment, index / blocks);
            if (on.startPacking()) {
                packKeys(on, worker);
            }
            int block = index % blocks;
            int end = Math.min(queries.count(), (block + 1) * tilesPerBlock);
            for (int i = block * tilesPerBlock; i < end; i++) {
                attend(on, i, worker);
            }
        }

        private void packKeys(AttentionWork.Position on, int worker) {
            Cut keys = keyCuts[on.segment()];
            int firstToken = keySegments.offset(on.segment());
            long own = room.of(worker);
            long temporary = own + rows;
            for (int j = 0; j < keys.count(); j++) {
                int first = firstToken + keys.start(j);
                long at = (long) keys.start(j) * width * type.bytes();
                int padded = keys.paddedRows(j);
                k.pack(on.head(), first, keys.rows(j), padded, temporary);
                HeadRows.transpose(temporary, padded, width, type, own + keyColumns + at);
                v.pack(on.head(), first, keys.rows(j), padded, own + values + at);
            }
        }

        private void attend(AttentionWork.Position on, int tile, int worker) {
            Cut keys = keyCuts[on.segment()];
            Cut queries = queryCuts[on.segment()];
            int firstToken = querySegments.offset(on.segment()) + queries.start(tile);
            int numRows = queries.rows(tile);
            int padded = queries.paddedRows(tile);
            long own = room.of(worker);
            q.pack(on.head(), firstToken, numRows, padded, own + rows);
            RunningSoftmax softmax = softmaxes[worker];
            long weights = own + (type == DType.FP32 ? scores : narrowed);
            for (int j = 0; j < keys.count(); j++) {
                long at = (long) keys.start(j) * width * type.bytes();
                int paddedKeys = keys.paddedRows(j);
                TileProducts products = grid.of(padded, paddedKeys);
                products.scores().run(worker, own + rows, own + keyColumns + at, own + scores);
                RunningSoftmax.mask(own + scores, numRows, keys.rows(j), paddedKeys);
                softmax.weigh(own + scores, numRows, paddedKeys, j == 0);
                if (j > 0) {
                    softmax.rescale(numRows);
                }
                products.weighted(j > 0).run(worker, weights, own + values + at, own + outRows);
            }
            for (int row = 0; row < numRows; row++) {
                long token = (long) firstToken + row;
                Vectors.set(logSumExp.address(token * numHeads + on.head()), softmax.finish(row));
            }
            out.write(on.head(), firstToken, numRows, own + outRows);
        }
    }
}
