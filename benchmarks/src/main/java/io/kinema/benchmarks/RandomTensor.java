package io.kinema.benchmarks;

import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.util.SplittableRandom;

/** Operands of what is timed: neither zeros nor denormals, which some processors treat otherwise. */
final class RandomTensor {
    private RandomTensor() {}

    /** Uniform in [-1, 1), the same at each call. */
    static Tensor of(Device device, DType type, int... shape) {
        Tensor tensor = device.zeros(type, shape);
        SplittableRandom from = new SplittableRandom(1);
        float[] values = new float[Math.toIntExact(tensor.size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) from.nextDouble(-1, 1);
        }
        try (Device.Scope _ = device.openScope()) {
            device.copy(tensor, device.of(values, shape));
        }
        return tensor;
    }
}
