package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.AdamWStep;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.HeadRotation;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.RowIds;
import io.kinema.train.tensor.SegmentWeights;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Stretch;
import io.kinema.train.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Function;

/** Every operation on rows, elements and columns, with random operands. */
final class RowOperations {
    private static final int SHARD = 3;

    /**
     * An operation and its operands.
     *
     * @param name of the operation
     * @param operands in their order
     * @param run what is done; all results, and the operands that were changed
     */
    record Operation(String name, List<Given> operands, Body run) {
        /** All results' values. */
        List<double[]> on(Device device, int shift) {
            return results(device, shift).stream()
                    .map(result -> Given.read(device, result))
                    .toList();
        }

        boolean isOfHeads() {
            return name.startsWith("rope") || name.startsWith("heads");
        }

        /** The operation with another value in the middle of an operand. */
        Operation with(int operand, double value) {
            List<Given> changed = new ArrayList<>(operands);
            Given old = operands.get(operand);
            double[] values = old.values().clone();
            values[values.length / 2] = value;
            changed.set(operand, new Given(old.type(), old.shape(), values));
            return new Operation(name, changed, run);
        }

        List<Tensor> results(Device device, int shift) {
            return run.on(
                    device,
                    operands.stream().map(given -> given.on(device, shift)).toArray(Tensor[]::new));
        }

        @Override
        public String toString() {
            StringBuilder text = new StringBuilder(name);
            operands.forEach(given -> text.append(' ').append(given.type()).append(Arrays.toString(given.shape())));
            return text.toString();
        }
    }

    /** What an operation does. */
    interface Body {
        List<Tensor> on(Device device, Tensor[] in);
    }

    private final Random random;
    private final DType workingType;
    private final List<Operation> all = new ArrayList<>();

    private RowOperations(Random random, DType workingType) {
        this.random = random;
        this.workingType = workingType;
    }

    private Given any(int... shape) {
        return Given.either(random, workingType, shape);
    }

    private Given fp32(int... shape) {
        return Given.normal(random, DType.FP32, shape);
    }

    private void add(String name, List<Given> operands, Body body) {
        all.add(new Operation(name, operands, body));
    }

    private static Given squared(Given given) {
        return new Given(
                given.type(),
                given.shape(),
                Arrays.stream(given.values()).map(v -> (float) (v * v)).toArray());
    }

    /** Rows of a width. */
    static List<Operation> ofRows(long seed, DType workingType, int numRows, int width) {
        RowOperations ops = new RowOperations(new Random(seed), workingType);
        int[] shape = {numRows, width};
        ops.unary("gelu", shape, device -> device::gelu);
        ops.unary("silu", shape, device -> device::silu);
        ops.add(
                "gelu backward",
                List.of(ops.any(shape), ops.any(shape)),
                (d, in) -> List.of(d.geluBackward(in[0], in[1])));
        ops.add(
                "silu backward",
                List.of(ops.any(shape), ops.any(shape)),
                (d, in) -> List.of(d.siluBackward(in[0], in[1])));
        ops.add("rms norm", List.of(ops.any(shape), ops.any(width)), (d, in) -> List.of(d.rmsNorm(in[0], in[1])));
        ops.add(
                "rms norm backward",
                List.of(ops.any(shape), ops.any(shape), ops.any(width), ops.fp32(width)),
                (d, in) -> List.of(d.rmsNormBackward(in[0], in[1], in[2], in[3]), in[3]));
        ops.add("copy", List.of(ops.any(shape), ops.any(shape)), (d, in) -> {
            d.copy(in[0], in[1]);
            return List.of(in[0]);
        });
        ops.add("zero", List.of(ops.any(shape)), (d, in) -> {
            d.zero(in[0]);
            return List.of(in[0]);
        });
        ops.add("add", List.of(ops.any(shape), ops.any(shape)), (d, in) -> {
            d.add(in[0], in[1]);
            return List.of(in[0]);
        });
        ops.add("ema", List.of(ops.any(shape), ops.any(shape)), (d, in) -> {
            d.ema(in[0], in[1], 0.9);
            return List.of(in[0]);
        });
        ops.adamw(shape);
        ops.columns(numRows, width);
        return ops.all;
    }

    private void unary(String name, int[] shape, Function<Device, Function<Tensor, Tensor>> function) {
        add(name, List.of(any(shape)), (d, in) -> List.of(function.apply(d).apply(in[0])));
    }

    private void adamw(int[] shape) {
        AdamWStep step = new AdamWStep(0.01, 0.9, 0.99, 1e-8, 0.1, 3, 0.7, stretches(Shapes.sizeOf(shape)));
        List<Given> operands = List.of(fp32(shape), any(shape), fp32(shape), squared(fp32(shape)), any(shape));
        add("adamw", operands, (d, in) -> {
            d.adamw(in[0], in[1], in[2], in[3], in[4], step);
            return List.of(in[0], in[2], in[3], in[4]);
        });
        add("adamw without a copy", operands.subList(0, 4), (d, in) -> {
            d.adamw(in[0], in[1], in[2], in[3], in[0], step);
            return List.of(in[0], in[2], in[3]);
        });
    }

    /** Two of a vector, where it has as many elements, of which the second begins at an odd place. */
    static List<Stretch> stretches(long size) {
        long odd = size / 2 / 2 * 2 + 1;
        Stretch first = new Stretch(0, Math.min(odd, size), ParameterAttributes.DECAYED);
        return size <= odd
                ? List.of(first)
                : List.of(first, new Stretch(odd, size - odd, new ParameterAttributes(true, false, 0.5)));
    }

    private void columns(int numRows, int width) {
        add("split", List.of(any(numRows, SHARD * width)), (d, in) -> List.of(d.split(in[0], SHARD)));
        add(
                "concat",
                List.of(any(numRows, width), any(numRows, 2), any(numRows, width + 1)),
                (d, in) -> List.of(d.concat(in)));
        RowIds ids = RowIds.of(random.ints(numRows, 0, 5).toArray());
        add("embedding", List.of(any(5, width)), (d, in) -> List.of(d.embedding(in[0], ids)));
        add("embedding backward", List.of(any(numRows, width), fp32(5, width)), (d, in) -> {
            d.embeddingBackward(in[0], ids, in[1]);
            return List.of(in[1]);
        });
    }

    /** Segments of rows of a width. */
    static List<Operation> ofSegments(long seed, DType workingType, Segments segments, int width) {
        RowOperations ops = new RowOperations(new Random(seed), workingType);
        int[] shape = {segments.total(), width};
        int[] each = {segments.count(), width};
        ops.add(
                "modulated norm",
                List.of(ops.any(shape), ops.any(each), ops.any(each)),
                (d, in) -> List.of(d.modulatedLayerNorm(in[0], in[1], in[2], segments)));
        ops.add(
                "modulated norm backward",
                List.of(ops.any(shape), ops.any(shape), ops.any(each), ops.fp32(each), ops.fp32(each)),
                (d, in) -> List.of(
                        d.modulatedLayerNormBackward(in[0], in[1], in[2], segments, in[3], in[4]), in[3], in[4]));
        ops.add(
                "gated residual",
                List.of(ops.any(shape), ops.any(shape), ops.any(each)),
                (d, in) -> List.of(d.gatedResidual(in[0], in[1], in[2], segments)));
        ops.add(
                "gated residual backward",
                List.of(ops.any(shape), ops.any(shape), ops.any(each), ops.fp32(each)),
                (d, in) -> List.of(d.gatedResidualBackward(in[0], in[1], in[2], segments, in[3]), in[3]));
        ops.add("mean", List.of(ops.any(shape)), (d, in) -> List.of(d.segmentMean(in[0], segments)));
        ops.add("mean backward", List.of(ops.any(each)), (d, in) -> List.of(d.segmentMeanBackward(in[0], segments)));
        SegmentWeights weightA = weights(ops.random, segments);
        SegmentWeights weightB = weights(ops.random, segments);
        ops.add(
                "mix",
                List.of(ops.any(shape), ops.any(shape)),
                (d, in) -> List.of(d.mix(in[0], in[1], weightA, weightB, segments)));
        Given weights = ops.fp32(segments.total());
        ops.add("squared error", List.of(ops.any(shape), ops.any(shape), weights), (d, in) -> {
            SquaredError error = d.squaredError(in[0], in[1], in[2], segments, 0.25);
            double[] wide = d.read(error.sumS());
            float[] sums = new float[wide.length];
            for (int s = 0; s < sums.length; s++) {
                sums[s] = (float) wide[s];
            }
            return List.of(error.dPrediction(), d.of(sums, sums.length));
        });
        return ops.all;
    }

    private static SegmentWeights weights(Random random, Segments segments) {
        return SegmentWeights.of(random.doubles(segments.count()).toArray());
    }

    /** Heads of tokens. */
    static List<Operation> ofHeads(long seed, DType workingType, int numTokens, int numHeads, int headWidth) {
        RowOperations ops = new RowOperations(new Random(seed), workingType);
        int[] heads = {numTokens, numHeads, headWidth};
        int[] angles = {numTokens, headWidth / 2};
        Given qkv = ops.any(numTokens, 3 * numHeads * headWidth);
        ops.add(
                "rope",
                List.of(ops.any(heads), ops.any(angles), ops.any(angles)),
                (d, in) -> List.of(d.rope(in[0], in[1], in[2])));
        ops.add(
                "rope backward",
                List.of(ops.any(heads), ops.any(angles), ops.any(angles)),
                (d, in) -> List.of(d.ropeBackward(in[0], in[1], in[2])));
        ops.add(
                "heads",
                List.of(qkv, ops.any(headWidth), ops.any(headWidth), ops.fp32(angles), ops.fp32(angles)),
                (d, in) -> {
                    Qkv out = d.heads(in[0], new HeadRotation(in[1], in[2], in[3], in[4]));
                    return List.of(out.qLNK(), out.kLNK(), out.vLNK());
                });
        ops.add(
                "heads backward",
                List.of(
                        qkv,
                        ops.any(headWidth),
                        ops.any(headWidth),
                        ops.fp32(angles),
                        ops.fp32(angles),
                        ops.any(heads),
                        ops.any(heads),
                        ops.any(heads),
                        ops.fp32(headWidth),
                        ops.fp32(headWidth)),
                (d, in) -> List.of(
                        d.headsBackward(
                                new AttentionGrad(in[5], in[6], in[7]),
                                in[0],
                                new HeadRotation(in[1], in[2], in[3], in[4]),
                                in[8],
                                in[9]),
                        in[8],
                        in[9]));
        return ops.all;
    }

    /** Segments of random lengths, a single row among them. */
    static Segments segments(long seed, int count, int longest) {
        Random random = new Random(seed);
        int[] lengths = new int[count];
        Arrays.setAll(lengths, s -> s == 1 ? 1 : 1 + random.nextInt(longest));
        return Segments.ofLengths(lengths);
    }

    /** All operations over shapes that are no multiple of a vector or of a tile, and over such that are. */
    static List<Operation> everything(DType workingType) {
        List<Operation> all = new ArrayList<>();
        int[] widths = {1, 3, 8, 9, 16, 31, 72, 384, 389};
        int[] rows = {1, 700, 63, 65, 64, 130, 2, 70, 1};
        for (int i = 0; i < widths.length; i++) {
            all.addAll(ofRows(i, workingType, rows[i], widths[i]));
            all.addAll(ofSegments(i, workingType, segments(i, 1 + i % 5, 100), widths[i]));
        }
        int[][] heads = {{1, 1, 2}, {31, 2, 10}, {33, 3, 36}, {65, 6, 64}, {40, 2, 72}, {5, 1, 32}};
        for (int[] shape : heads) {
            all.addAll(ofHeads(shape[0], workingType, shape[0], shape[1], shape[2]));
        }
        return all;
    }
}
