package io.kinema.train.tensor.cpu;

import static io.kinema.train.tensor.cpu.Lanes.load;
import static io.kinema.train.tensor.cpu.Lanes.store;
import static io.kinema.train.tensor.cpu.Vectors.LANES;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.HostScalars;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.SegmentWeights;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;
import jdk.incubator.vector.FloatVector;

/** What treats each segment of a packed sequence by its own gate, weight, mean or error. */
final class BySegment {
    private final Memory memory;
    private final Workers workers;
    private final DType workingType;

    BySegment(Memory memory, Workers workers, DType workingType) {
        this.memory = memory;
        this.workers = workers;
        this.workingType = workingType;
    }

    Tensor gatedResidual(Tensor xLD, Tensor yLD, Tensor gateSD, Segments segments) {
        Shapes.requireRows("x", xLD, segments);
        Shapes.requireSame("y", yLD, "x", xLD);
        Shapes.require("gate", gateSD, segments.count(), xLD.dim(1));
        CpuTensor x = memory.inside(xLD);
        CpuTensor y = memory.inside(yLD);
        CpuTensor gate = memory.inside(gateSD);
        CpuTensor out = memory.allocateLike(x.dtype(), x);
        int width = x.columns();
        SegmentTiles tiles = SegmentTiles.of(memory, segments);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 3, width)) {
            workers.run(tiles.count(), (tile, worker) -> {
                long gateRow =
                        RowKernels.floats(gate, (long) tiles.segment(tile) * width, scratch.row(worker, 0), width);
                long room = scratch.row(worker, 2);
                int end = tiles.endRow(tile);
                for (int row = tiles.firstRow(tile); row < end; row++) {
                    long first = (long) row * width;
                    long yRow = RowKernels.floats(y, first, scratch.row(worker, 1), width);
                    long xRow = RowKernels.floats(x, first, room, width);
                    RowKernels.multiplyAdd(yRow, gateRow, xRow, RowKernels.target(out, first, room, width), width);
                    RowKernels.finish(out, first, room, width);
                }
            });
        }
        return out;
    }

    Tensor gatedResidualBackward(Tensor dOutLD, Tensor yLD, Tensor gateSD, Segments segments, Tensor dGate) {
        Shapes.requireRows("y", yLD, segments);
        Shapes.requireSame("dOut", dOutLD, "y", yLD);
        Shapes.require("gate", gateSD, segments.count(), yLD.dim(1));
        Shapes.require("dGate", dGate, segments.count(), yLD.dim(1));
        CpuTensor dOut = memory.inside(dOutLD);
        CpuTensor y = memory.inside(yLD);
        CpuTensor gate = memory.inside(gateSD);
        CpuTensor into = RowKernels.requireFp32("dGate", memory.inside(dGate)).changed();
        CpuTensor dy = memory.allocateLike(y.dtype(), y);
        int width = y.columns();
        SegmentTiles tiles = SegmentTiles.of(memory, segments);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 3, width);
                TileSums sums = TileSums.of(memory, tiles.count(), width)) {
            workers.run(tiles.count(), (tile, worker) -> {
                long gateRow =
                        RowKernels.floats(gate, (long) tiles.segment(tile) * width, scratch.row(worker, 0), width);
                long room = scratch.row(worker, 2);
                long sum = sums.begin(tile);
                int end = tiles.endRow(tile);
                for (int row = tiles.firstRow(tile); row < end; row++) {
                    long first = (long) row * width;
                    long dOutRow = RowKernels.floats(dOut, first, scratch.row(worker, 1), width);
                    long yRow = RowKernels.floats(y, first, room, width);
                    gateBackward(dOutRow, yRow, gateRow, RowKernels.target(dy, first, room, width), sum, width);
                    RowKernels.finish(dy, first, room, width);
                }
            });
            workers.run(segments.count(), (s, _) -> {
                long intoRow = into.address((long) s * width);
                long total = sums.total(tiles.firstTile(s), tiles.firstTile(s + 1));
                RowKernels.add(intoRow, total, intoRow, width);
            });
        }
        return dy;
    }

    /** {@code dy = dOut·gate} and {@code dGate += dOut·y}; dy may be y. */
    private static void gateBackward(long dOut, long y, long gate, long dy, long dGate, int n) {
        for (int i = 0; i < n; i += LANES) {
            FloatVector grad = load(dOut, i, n);
            store(grad.fma(load(y, i, n), load(dGate, i, n)), dGate, i, n);
            store(grad.mul(load(gate, i, n)), dy, i, n);
        }
    }

    Tensor segmentMean(Tensor xLD, Segments segments) {
        Shapes.requireRows("x", xLD, segments);
        CpuTensor x = memory.inside(xLD);
        CpuTensor mean = memory.allocate(workingType, segments.count(), x.columns());
        int width = x.columns();
        SegmentTiles tiles = SegmentTiles.of(memory, segments);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 1, width);
                TileSums sums = TileSums.of(memory, tiles.count(), width)) {
            workers.run(tiles.count(), (tile, worker) -> {
                long sum = sums.begin(tile);
                int end = tiles.endRow(tile);
                for (int row = tiles.firstRow(tile); row < end; row++) {
                    RowKernels.add(
                            sum, RowKernels.floats(x, (long) row * width, scratch.row(worker, 0), width), sum, width);
                }
            });
            workers.run(segments.count(), (s, _) -> {
                long total = sums.total(tiles.firstTile(s), tiles.firstTile(s + 1));
                RowKernels.scaled(total, 1f / segments.length(s), 0, total, width);
                Vectors.copy(total, DType.FP32, mean.address((long) s * width), workingType, width);
            });
        }
        return mean;
    }

    Tensor segmentMeanBackward(Tensor dySD, Segments segments) {
        Shapes.require("dy", dySD, segments.count(), dySD.dim(1));
        CpuTensor dy = memory.inside(dySD);
        CpuTensor dx = memory.allocate(workingType, segments.total(), dy.columns());
        int width = dy.columns();
        SegmentTiles tiles = SegmentTiles.of(memory, segments);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 1, width)) {
            workers.run(tiles.count(), (tile, worker) -> {
                int s = tiles.segment(tile);
                long share = scratch.row(worker, 0);
                RowKernels.scaled(
                        RowKernels.floats(dy, (long) s * width, share, width),
                        1f / segments.length(s),
                        0,
                        share,
                        width);
                int end = tiles.endRow(tile);
                for (int row = tiles.firstRow(tile); row < end; row++) {
                    Vectors.copy(share, DType.FP32, dx.address((long) row * width), workingType, width);
                }
            });
        }
        return dx;
    }

    Tensor mix(Tensor aLP, Tensor bLP, SegmentWeights weightA, SegmentWeights weightB, Segments segments) {
        Shapes.requireRows("a", aLP, segments);
        Shapes.requireSame("b", bLP, "a", aLP);
        weightA.requireFit(segments);
        weightB.requireFit(segments);
        CpuTensor a = memory.inside(aLP);
        CpuTensor b = memory.inside(bLP);
        CpuTensor out = memory.allocateLike(DType.FP32, a);
        int width = a.columns();
        SegmentTiles tiles = SegmentTiles.of(memory, segments);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 2, width)) {
            workers.run(tiles.count(), (tile, worker) -> {
                int s = tiles.segment(tile);
                int end = tiles.endRow(tile);
                for (int row = tiles.firstRow(tile); row < end; row++) {
                    long first = (long) row * width;
                    long aRow = RowKernels.floats(a, first, scratch.row(worker, 0), width);
                    long bRow = RowKernels.floats(b, first, scratch.row(worker, 1), width);
                    RowKernels.mix(
                            aRow, (float) weightA.get(s), bRow, (float) weightB.get(s), out.address(first), width);
                }
            });
        }
        return out;
    }

    SquaredError squaredError(
            Tensor predictionLP, Tensor targetLP, Tensor weightL, Segments segments, double scale, Scalars sumS) {
        Shapes.requireRows("prediction", predictionLP, segments);
        Shapes.requireSame("target", targetLP, "prediction", predictionLP);
        Shapes.require("weight", weightL, segments.total());
        CpuTensor prediction = memory.inside(predictionLP);
        CpuTensor target = memory.inside(targetLP);
        CpuTensor weights = RowKernels.requireFp32("weight", memory.inside(weightL));
        CpuTensor dPrediction = memory.allocateLike(prediction.dtype(), prediction);
        int width = prediction.columns();
        SegmentTiles tiles = SegmentTiles.of(memory, segments);
        double[] tileSums = new double[tiles.count()];
        try (Scratch scratch = Scratch.of(memory, workers.count(), 2, width)) {
            workers.run(tiles.count(), (tile, worker) -> {
                long difference = scratch.row(worker, 0);
                long room = scratch.row(worker, 1);
                int end = tiles.endRow(tile);
                for (int row = tiles.firstRow(tile); row < end; row++) {
                    long first = (long) row * width;
                    long predictionRow = RowKernels.floats(prediction, first, difference, width);
                    long targetRow = RowKernels.floats(target, first, room, width);
                    RowKernels.mix(predictionRow, 1, targetRow, -1, difference, width);
                    float weight = Vectors.get(weights.address(row));
                    tileSums[tile] += weight * RowKernels.wideSumOfSquares(difference, width);
                    RowKernels.scaled(
                            difference,
                            (float) (2 * scale) * weight,
                            0,
                            RowKernels.target(dPrediction, first, room, width),
                            width);
                    RowKernels.finish(dPrediction, first, room, width);
                }
            });
        }
        double[] sums = HostScalars.values(sumS);
        for (int s = 0; s < sums.length; s++) {
            for (int tile = tiles.firstTile(s); tile < tiles.firstTile(s + 1); tile++) {
                sums[s] += tileSums[tile];
            }
        }
        return new SquaredError(sumS, dPrediction);
    }
}
