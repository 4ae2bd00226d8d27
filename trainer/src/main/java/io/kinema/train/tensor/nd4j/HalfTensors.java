package io.kinema.train.tensor.nd4j;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.HeadRotation;
import io.kinema.train.tensor.Tensor;
import java.util.function.Supplier;

/** Between tensors that are stored in FP16 and operations that compute in FP32. */
final class HalfTensors {
    private final Nd4jMemory memory;
    private final Nd4jDevice wide;
    private final boolean multipliesHalf;

    /**
     * @param wide computes in FP32
     * @param multipliesHalf whether products take FP16 and add in FP32
     */
    HalfTensors(Nd4jMemory memory, Nd4jDevice wide, boolean multipliesHalf) {
        this.memory = memory;
        this.wide = wide;
        this.multipliesHalf = multipliesHalf;
    }

    Tensor half(int... shape) {
        return memory.allocate(DType.FP16, shape);
    }

    /** A tensor in FP32: itself, or a copy in the innermost scope. */
    Tensor widened(Tensor x) {
        return x.dtype() == DType.FP32 ? x : copyOf(x, DType.FP32);
    }

    Tensor copyOf(Tensor x, DType type) {
        Tensor copy = memory.allocate(type, x.shape());
        wide.copy(copy, x);
        return copy;
    }

    /** What a product takes of a tensor, in the innermost scope. */
    Tensor operand(Tensor x) {
        Tensor rounded = x.dtype() == DType.FP16 ? x : copyOf(x, DType.FP16);
        return multipliesHalf ? rounded : widened(rounded);
    }

    /** Stores what is computed in FP32, in a scope of its own. */
    Tensor stored(DType type, int[] shape, Supplier<Tensor> computed) {
        Tensor result = memory.allocate(type, shape);
        try (Device.Scope _ = memory.openScope()) {
            wide.copy(result, computed.get());
        }
        return result;
    }

    Tensor stored(int[] shape, Supplier<Tensor> computed) {
        return stored(DType.FP16, shape, computed);
    }

    /** Stores the gradient of an input, in the input's type. */
    Tensor storedLike(Tensor input, Supplier<Tensor> computed) {
        return stored(input.dtype(), input.shape(), computed);
    }

    HeadRotation widened(HeadRotation by) {
        return new HeadRotation(
                widened(by.queryNormK()), widened(by.keyNormK()), widened(by.cosLP()), widened(by.sinLP()));
    }
}
