package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.Bfloat16;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;

/**
 * A problem: inputs, as the type holds them.
 *
 * @param type of the tensors
 * @param heads N
 * @param width K
 * @param queries the table of Lq
 * @param keys the table of Lk
 * @param values queries, keys, values and the gradient of the output
 */
record AttentionProblem(DType type, int heads, int width, Segments queries, Segments keys, double[][] values) {
    static AttentionProblem random(DType type, int heads, int width, int[] queries, int[] keys) {
        Random random = new Random(Arrays.hashCode(queries) + 31 * Arrays.hashCode(keys) + width);
        Segments q = Segments.ofLengths(queries);
        Segments k = Segments.ofLengths(keys);
        int row = heads * width;
        return new AttentionProblem(type, heads, width, q, k, new double[][] {
            normal(random, type, q.total() * row),
            normal(random, type, k.total() * row),
            normal(random, type, k.total() * row),
            normal(random, type, q.total() * row)
        });
    }

    private static double[] normal(Random random, DType type, int size) {
        return IntStream.range(0, size)
                .mapToDouble(_ -> rounded(type, (float) random.nextGaussian()))
                .toArray();
    }

    AttentionProblem with(int tensor, DoubleUnaryOperator change) {
        double[][] changed = values.clone();
        changed[tensor] = Arrays.stream(values[tensor])
                .map(value -> rounded(type, (float) change.applyAsDouble(value)))
                .toArray();
        return new AttentionProblem(type, heads, width, queries, keys, changed);
    }

    AttentionProblem with(int tensor, int element, double value) {
        double[][] changed = values.clone();
        changed[tensor] = values[tensor].clone();
        changed[tensor][element] = value;
        return new AttentionProblem(type, heads, width, queries, keys, changed);
    }

    int[] shape(int tensor) {
        return new int[] {(tensor == 0 || tensor == 3 ? queries : keys).total(), heads, width};
    }

    private static float rounded(DType type, float value) {
        return type == DType.FP32 ? value : Bfloat16.toFloat(Bfloat16.of(value));
    }

    /** All results by the nd4j device, in the order of {@link AttentionBench#RESULTS}. */
    double[][] definition() {
        try (Device device = Nd4jDevice.open(DType.FP64)) {
            Tensor[] in = new Tensor[values.length];
            for (int i = 0; i < in.length; i++) {
                in[i] = device.zeros(shape(i));
                device.write(in[i], 0, MemorySegment.ofArray(values[i]));
            }
            Attention attention = device.attention(in[0], in[1], in[2], queries, keys);
            AttentionGrad grad =
                    device.attentionBackward(in[3], new Qkv(in[0], in[1], in[2]), attention, queries, keys);
            Tensor[] results = {attention.outLNK(), attention.logSumExpLN(), grad.dqLNK(), grad.dkLNK(), grad.dvLNK()};
            return Arrays.stream(results)
                    .map(tensor -> {
                        double[] values = new double[Math.toIntExact(tensor.size())];
                        device.read(tensor, 0, MemorySegment.ofArray(values));
                        return values;
                    })
                    .toArray(double[][]::new);
        }
    }
}
