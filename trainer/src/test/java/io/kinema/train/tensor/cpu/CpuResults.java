package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Host;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.cpu.RowOperations.Operation;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * A program that writes what the cpu device makes of a set of operations to a file, so that JVMs of other flags can be
 * compared.
 *
 * @param vectorBits width of the vectors that the device worked with
 * @param all in FP32, then in BF16; of each the operations', those of attention, and sums of squares
 */
record CpuResults(int vectorBits, List<Result> all) {
    static final List<DType> TYPES = List.of(DType.FP32, DType.BF16);
    static final int SQUARES_BLOCK = 1007;

    private static final int THREADS = 2;
    private static final int SHIFT = 1;

    /**
     * A result.
     *
     * @param name of the operation, its shapes and the result
     * @param narrow whether its values are BF16
     * @param values of all elements
     */
    record Result(String name, boolean narrow, double[] values) {}

    /** How much is computed. */
    enum Extent {
        /** Few rows, which an interpreter can do; full vectors of any width, and rests. */
        FEW_ROWS,
        /** Beyond a tile of rows, too. */
        MANY_ROWS;

        List<Operation> operations(DType type) {
            if (this == MANY_ROWS) {
                List<Operation> all = new ArrayList<>(RowOperations.everything(type));
                all.addAll(LinearOperations.of(1, type, Segments.ofLengths(1), 1, 5));
                all.addAll(LinearOperations.of(2, type, Segments.ofLengths(5, 1, 124), 33, 519));
                all.addAll(LinearOperations.of(3, type, Segments.ofLengths(200, 57), 130, 31));
                return all;
            }
            Segments segments = Segments.ofLengths(2, 1);
            List<Operation> all = new ArrayList<>();
            for (int width : new int[] {19, 69}) {
                all.addAll(RowOperations.ofRows(width, type, 3, width));
                all.addAll(RowOperations.ofSegments(width, type, segments, width));
            }
            all.addAll(LinearOperations.of(1, type, segments, 19, 5));
            all.addAll(LinearOperations.of(2, type, segments, 6, 37));
            all.addAll(RowOperations.ofHeads(1, type, 3, 2, 10));
            all.addAll(RowOperations.ofHeads(2, type, 2, 1, 72));
            return all;
        }

        List<AttentionProblem> attention(DType type) {
            return this == FEW_ROWS
                    ? List.of(
                            AttentionProblem.random(type, 2, 10, new int[] {5, 1}, new int[] {18, 3}),
                            AttentionProblem.random(type, 1, 8, new int[] {3}, new int[] {300}))
                    : List.of(
                            AttentionProblem.random(type, 3, 1, new int[] {37, 5}, new int[] {21, 290}),
                            AttentionProblem.random(type, 2, 10, new int[] {300, 1, 17}, new int[] {129, 40, 513}),
                            AttentionProblem.random(type, 2, 72, new int[] {130}, new int[] {257}));
        }

        Given squares(DType type) {
            return Given.normal(new Random(7), type, 3 * SQUARES_BLOCK);
        }
    }

    private static CpuResults compute(Extent extent) {
        List<Result> all = new ArrayList<>();
        for (DType type : TYPES) {
            try (CpuDevice device = CpuDevice.open(type, THREADS);
                    AttentionBench bench = new AttentionBench(type, THREADS, false)) {
                extent.operations(type).forEach(operation -> add(all, device, operation));
                for (AttentionProblem problem : extent.attention(type)) {
                    double[][] results = bench.solve(problem);
                    for (int i = 0; i < results.length; i++) {
                        String name = AttentionBench.RESULTS.get(i) + " of " + problem.queries() + problem.keys();
                        all.add(new Result(name, type == DType.BF16 && i != 1, results[i]));
                    }
                }
                Tensor squares = extent.squares(type).on(device, SHIFT);
                all.add(new Result("squares", false, Host.sumOfSquares(device, squares, SQUARES_BLOCK)));
            }
        }
        return new CpuResults(Vectors.FLOATS.vectorBitSize(), all);
    }

    private static void add(List<Result> all, Device device, Operation operation) {
        try (Device.Scope _ = device.openScope()) {
            List<Tensor> results = operation.results(device, SHIFT);
            for (int i = 0; i < results.size(); i++) {
                Tensor result = results.get(i);
                all.add(new Result(operation + ": " + i, result.dtype() == DType.BF16, Given.read(device, result)));
            }
        }
    }

    /** The results of which not every bit is the same, by name. */
    List<String> different(CpuResults other) {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            if (!Arrays.equals(all.get(i).values(), other.all.get(i).values())) {
                names.add(all.get(i).name());
            }
        }
        return names;
    }

    private void write(Path file) throws IOException {
        try (DataOutputStream out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file)))) {
            out.writeInt(vectorBits);
            out.writeInt(all.size());
            for (Result result : all) {
                out.writeUTF(result.name);
                out.writeBoolean(result.narrow);
                out.writeInt(result.values.length);
                for (double value : result.values) {
                    out.writeDouble(value);
                }
            }
        }
    }

    static CpuResults read(Path file) throws IOException {
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
            int vectorBits = in.readInt();
            Result[] all = new Result[in.readInt()];
            for (int i = 0; i < all.length; i++) {
                String name = in.readUTF();
                boolean narrow = in.readBoolean();
                double[] values = new double[in.readInt()];
                for (int j = 0; j < values.length; j++) {
                    values[j] = in.readDouble();
                }
                all[i] = new Result(name, narrow, values);
            }
            return new CpuResults(vectorBits, List.of(all));
        }
    }

    /** Arguments: the file, the extent, and how many times to compute, which has to give the same bits each time. */
    public static void main(String[] args) throws IOException {
        Extent extent = Extent.valueOf(args[1]);
        CpuResults first = compute(extent);
        for (int round = 1; round < Integer.parseInt(args[2]); round++) {
            List<String> different = compute(extent).different(first);
            if (!different.isEmpty()) {
                throw new IllegalStateException("round " + round + " differs from the first: " + different);
            }
        }
        first.write(Path.of(args[0]));
    }
}
