package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;

/** Norms over rows. */
final class Norms {
    private final Memory memory;
    private final Workers workers;
    private final DType workingType;

    Norms(Memory memory, Workers workers, DType workingType) {
        this.memory = memory;
        this.workers = workers;
        this.workingType = workingType;
    }

    Tensor rmsNorm(Tensor xRD, Tensor weightD) {
        Shapes.requireColumns("weight", weightD, xRD);
        CpuTensor x = memory.inside(xRD);
        CpuTensor weight = memory.inside(weightD);
        CpuTensor y = memory.allocateLike(workingType, x);
        int width = x.columns();
        int numRows = x.rows();
        int perTile = RowKernels.perTile(width);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 2, width)) {
            workers.run((numRows + perTile - 1) / perTile, (tile, worker) -> {
                long weightRow = RowKernels.floats(weight, 0, scratch.row(worker, 0), width);
                long room = scratch.row(worker, 1);
                int end = Math.min(numRows, (tile + 1) * perTile);
                for (int row = tile * perTile; row < end; row++) {
                    long first = (long) row * width;
                    NormRows.rms(
                            RowKernels.floats(x, first, room, width),
                            weightRow,
                            RowKernels.target(y, first, room, width),
                            width);
                    RowKernels.finish(y, first, room, width);
                }
            });
        }
        return y;
    }

    Tensor rmsNormBackward(Tensor dyRD, Tensor xRD, Tensor weightD, Tensor dWeight) {
        Shapes.requireColumns("weight", weightD, xRD);
        Shapes.requireColumns("dWeight", dWeight, xRD);
        Shapes.requireSame("dy", dyRD, "x", xRD);
        CpuTensor dy = memory.inside(dyRD);
        CpuTensor x = memory.inside(xRD);
        CpuTensor weight = memory.inside(weightD);
        CpuTensor into =
                RowKernels.requireFp32("dWeight", memory.inside(dWeight)).changed();
        CpuTensor dx = memory.allocateLike(x.dtype(), x);
        int width = x.columns();
        int numRows = x.rows();
        int perTile = RowKernels.perTile(width);
        int numTiles = (numRows + perTile - 1) / perTile;
        try (Scratch scratch = Scratch.of(memory, workers.count(), 3, width);
                TileSums sums = TileSums.of(memory, numTiles, Lanes.filledLength(width))) {
            workers.run(numTiles, (tile, worker) -> {
                long weightRow = RowKernels.floats(weight, 0, scratch.row(worker, 0), width);
                long room = scratch.row(worker, 2);
                long sum = sums.begin(tile);
                int end = Math.min(numRows, (tile + 1) * perTile);
                for (int row = tile * perTile; row < end; row++) {
                    long first = (long) row * width;
                    long dyRow = RowKernels.floats(dy, first, scratch.row(worker, 1), width);
                    long xRow = RowKernels.floats(x, first, room, width);
                    NormRows.rmsBackward(dyRow, xRow, weightRow, RowKernels.target(dx, first, room, width), sum, width);
                    RowKernels.finish(dx, first, room, width);
                }
            });
            sums.addTo(into, numTiles, workers);
        }
        return dx;
    }

    Tensor modulatedLayerNorm(Tensor xLD, Tensor shiftSD, Tensor scaleSD, Segments segments) {
        Shapes.requireRows("x", xLD, segments);
        Shapes.require("shift", shiftSD, segments.count(), xLD.dim(1));
        Shapes.require("scale", scaleSD, segments.count(), xLD.dim(1));
        CpuTensor x = memory.inside(xLD);
        CpuTensor shift = memory.inside(shiftSD);
        CpuTensor scale = memory.inside(scaleSD);
        CpuTensor y = memory.allocateLike(workingType, x);
        int width = x.columns();
        SegmentTiles tiles = SegmentTiles.of(memory, segments);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 3, width)) {
            workers.run(tiles.count(), (tile, worker) -> {
                long ofSegment = (long) tiles.segment(tile) * width;
                long shiftRow = RowKernels.floats(shift, ofSegment, scratch.row(worker, 0), width);
                long onePlusScale = onePlus(scale, ofSegment, scratch.row(worker, 1), width);
                long room = scratch.row(worker, 2);
                int end = tiles.endRow(tile);
                for (int row = tiles.firstRow(tile); row < end; row++) {
                    long first = (long) row * width;
                    long xRow = RowKernels.floats(x, first, room, width);
                    long yRow = RowKernels.target(y, first, room, width);
                    NormRows.normalise(xRow, yRow, width);
                    RowKernels.multiplyAdd(yRow, onePlusScale, shiftRow, yRow, width);
                    RowKernels.finish(y, first, room, width);
                }
            });
        }
        return y;
    }

    Tensor modulatedLayerNormBackward(
            Tensor dyLD, Tensor xLD, Tensor scaleSD, Segments segments, Tensor dShift, Tensor dScale) {
        Shapes.requireRows("x", xLD, segments);
        Shapes.requireSame("dy", dyLD, "x", xLD);
        Shapes.require("scale", scaleSD, segments.count(), xLD.dim(1));
        Shapes.require("dShift", dShift, segments.count(), xLD.dim(1));
        Shapes.require("dScale", dScale, segments.count(), xLD.dim(1));
        CpuTensor dy = memory.inside(dyLD);
        CpuTensor x = memory.inside(xLD);
        CpuTensor scale = memory.inside(scaleSD);
        CpuTensor intoShift =
                RowKernels.requireFp32("dShift", memory.inside(dShift)).changed();
        CpuTensor intoScale =
                RowKernels.requireFp32("dScale", memory.inside(dScale)).changed();
        CpuTensor dx = memory.allocateLike(x.dtype(), x);
        int width = x.columns();
        SegmentTiles tiles = SegmentTiles.of(memory, segments);
        try (Scratch scratch = Scratch.of(memory, workers.count(), 3, width);
                TileSums sums = TileSums.of(memory, tiles.count(), 2 * Lanes.filledLength(width))) {
            workers.run(tiles.count(), (tile, worker) -> {
                long ofSegment = (long) tiles.segment(tile) * width;
                long onePlusScale = onePlus(scale, ofSegment, scratch.row(worker, 0), width);
                long room = scratch.row(worker, 2);
                long sum = sums.begin(tile);
                int end = tiles.endRow(tile);
                for (int row = tiles.firstRow(tile); row < end; row++) {
                    long first = (long) row * width;
                    long dyRow = RowKernels.floats(dy, first, scratch.row(worker, 1), width);
                    long xRow = RowKernels.floats(x, first, room, width);
                    float root = NormRows.normalise(xRow, room, width);
                    long dxRow = RowKernels.target(dx, first, room, width);
                    NormRows.modulatedBackward(dyRow, room, onePlusScale, dxRow, sum, width);
                    RowKernels.scaled(dxRow, root, 0, dxRow, width);
                    RowKernels.finish(dx, first, room, width);
                }
            });
            workers.run(segments.count(), (s, _) -> {
                long total = sums.total(tiles.firstTile(s), tiles.firstTile(s + 1));
                long shiftRow = intoShift.address((long) s * width);
                long scaleRow = intoScale.address((long) s * width);
                RowKernels.add(shiftRow, total, shiftRow, width);
                RowKernels.add(scaleRow, total + 4L * Lanes.filledLength(width), scaleRow, width);
            });
        }
        return dx;
    }

    private static long onePlus(CpuTensor scale, long first, long room, int width) {
        RowKernels.scaled(RowKernels.floats(scale, first, room, width), 1, 1, room, width);
        return room;
    }
}
