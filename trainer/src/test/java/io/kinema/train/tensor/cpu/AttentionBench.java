package io.kinema.train.tensor.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.Bfloat16;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/** The kernels with their memory and threads. */
final class AttentionBench implements AutoCloseable {
    static final List<String> RESULTS = List.of("out", "log-denominators", "dq", "dk", "dv");

    final Memory memory;
    final Workers workers;
    final FlashAttention forward;
    final FlashAttentionBackward backward;

    AttentionBench(DType type, int threads, boolean planning) {
        memory = new Memory(planning);
        workers = new Workers(threads, planning);
        Matmuls matmuls = new Matmuls(memory, threads, type);
        forward = new FlashAttention(memory, workers, matmuls, type);
        backward = new FlashAttentionBackward(memory, workers, matmuls, type);
    }

    CpuTensor tensor(DType type, double[] values, int... shape) {
        CpuTensor tensor = memory.allocate(type, shape);
        for (int i = 0; i < values.length; i++) {
            if (type == DType.FP32) {
                Vectors.set(tensor.address(i), (float) values[i]);
            } else {
                Vectors.ALL.set(ValueLayout.JAVA_SHORT_UNALIGNED, tensor.address(i), Bfloat16.of((float) values[i]));
            }
        }
        return tensor;
    }

    double[] read(Tensor tensor) {
        CpuTensor own = memory.inside(tensor);
        double[] values = new double[Math.toIntExact(own.size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = own.dtype() == DType.FP32
                    ? Vectors.get(own.address(i))
                    : Bfloat16.toFloat(Vectors.ALL.get(ValueLayout.JAVA_SHORT_UNALIGNED, own.address(i)));
        }
        return values;
    }

    /** All results of a problem, in the order of {@link #RESULTS}. */
    double[][] solve(AttentionProblem problem) {
        try (Device.Scope _ = memory.openScope()) {
            CpuTensor[] in = new CpuTensor[problem.values().length];
            Arrays.setAll(in, i -> tensor(problem.type(), problem.values()[i], problem.shape(i)));
            Attention attention = forward.attention(in[0], in[1], in[2], problem.queries(), problem.keys());
            assertEquals(problem.type(), attention.outLNK().dtype());
            assertEquals(DType.FP32, attention.logSumExpLN().dtype());
            AttentionGrad grad = backward.attentionBackward(
                    in[3], new Qkv(in[0], in[1], in[2]), attention, problem.queries(), problem.keys());
            assertEquals(problem.type(), grad.dqLNK().dtype());
            return new double[][] {
                read(attention.outLNK()),
                read(attention.logSumExpLN()),
                read(grad.dqLNK()),
                read(grad.dkLNK()),
                read(grad.dvLNK())
            };
        }
    }

    @Override
    public void close() {
        workers.close();
        memory.close();
    }
}
