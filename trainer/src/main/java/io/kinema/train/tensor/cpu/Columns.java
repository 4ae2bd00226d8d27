package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.RowIds;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;

/** Cuts and joins columns, and looks rows up. */
final class Columns {
    /** Columns of a table that one worker adds to. */
    private static final int STRIPE = 64;

    private final Memory memory;
    private final Workers workers;
    private final DType workingType;

    Columns(Memory memory, Workers workers, DType workingType) {
        this.memory = memory;
        this.workers = workers;
        this.workingType = workingType;
    }

    Tensor[] split(Tensor xRD, int parts) {
        Shapes.requireRank("x", xRD, 2);
        if (parts < 1 || xRD.dim(1) % parts != 0) {
            throw new IllegalArgumentException(
                    "the columns of " + Shapes.text(xRD.shape()) + " cannot be cut into " + parts + " equal parts");
        }
        CpuTensor x = memory.inside(xRD);
        CpuTensor[] out = new CpuTensor[parts];
        int width = x.columns() / parts;
        for (int part = 0; part < parts; part++) {
            out[part] = memory.allocate(workingType, x.dim(0), width);
        }
        forRows(x.rows(), x.columns(), row -> {
            for (int part = 0; part < parts; part++) {
                long from = x.address((long) row * x.columns() + (long) part * width);
                Vectors.copy(from, x.dtype(), out[part].address((long) row * width), workingType, width);
            }
        });
        return out;
    }

    Tensor concat(Tensor... parts) {
        int numColumns = 0;
        CpuTensor[] in = new CpuTensor[parts.length];
        for (int part = 0; part < parts.length; part++) {
            Shapes.requireRank("part", parts[part], 2);
            Shapes.require("part", parts[part], parts[0].dim(0), parts[part].dim(1));
            in[part] = memory.inside(parts[part]);
            numColumns += in[part].columns();
        }
        if (numColumns == 0) {
            throw new IllegalArgumentException("no parts to put side by side");
        }
        CpuTensor out = memory.allocate(workingType, in[0].rows(), numColumns);
        forRows(out.rows(), numColumns, row -> {
            long to = out.address((long) row * out.columns());
            for (CpuTensor part : in) {
                int width = part.columns();
                Vectors.copy(part.address((long) row * width), part.dtype(), to, workingType, width);
                to += (long) width * workingType.bytes();
            }
        });
        return out;
    }

    Tensor embedding(Tensor tableVD, RowIds ids) {
        ids.requireInside(tableVD);
        CpuTensor table = memory.inside(tableVD);
        int width = table.columns();
        CpuTensor y = memory.allocate(DType.FP32, ids.count(), width);
        forRows(ids.count(), width, row -> {
            long from = table.address((long) ids.get(row) * width);
            Vectors.copy(from, table.dtype(), y.address((long) row * width), DType.FP32, width);
        });
        return y;
    }

    void embeddingBackward(Tensor dyLD, RowIds ids, Tensor dTable) {
        ids.requireInside(dTable);
        Shapes.require("dy", dyLD, ids.count(), dTable.dim(1));
        CpuTensor dy = memory.inside(dyLD);
        CpuTensor into = RowKernels.requireFp32("dTable", memory.inside(dTable)).changed();
        int width = into.columns();
        try (Scratch scratch = Scratch.of(memory, workers.count(), 1, STRIPE)) {
            workers.run((width + STRIPE - 1) / STRIPE, (stripe, worker) -> {
                int column = stripe * STRIPE;
                int n = Math.min(STRIPE, width - column);
                for (int row = 0; row < ids.count(); row++) {
                    long grad = RowKernels.floats(dy, (long) row * width + column, scratch.row(worker, 0), n);
                    long sum = into.address((long) ids.get(row) * width + column);
                    RowKernels.add(sum, grad, sum, n);
                }
            });
        }
    }

    /** What is done to a row. */
    private interface Row {
        void run(int row);
    }

    private void forRows(int numRows, int width, Row body) {
        int perTile = RowKernels.perTile(width);
        workers.run((numRows + perTile - 1) / perTile, (tile, _) -> {
            int end = Math.min(numRows, (tile + 1) * perTile);
            for (int row = tile * perTile; row < end; row++) {
                body.run(row);
            }
        });
    }
}
