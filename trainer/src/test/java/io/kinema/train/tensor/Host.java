package io.kinema.train.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;

/** Carries values between tests and a device, in float64 whatever the device's type. */
public final class Host {
    private Host() {}

    static double[] read(Device device, Tensor tensor) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(tensor.size() * device.dtype().bytes(), 64);
            device.read(tensor, 0, bytes);
            double[] values = new double[Math.toIntExact(tensor.size())];
            for (int i = 0; i < values.length; i++) {
                values[i] = device.dtype() == DType.FP64
                        ? bytes.getAtIndex(ValueLayout.JAVA_DOUBLE, i)
                        : bytes.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            }
            return values;
        }
    }

    static void write(Device device, Tensor tensor, long offset, double... values) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes =
                    arena.allocate((long) values.length * device.dtype().bytes(), 64);
            for (int i = 0; i < values.length; i++) {
                if (device.dtype() == DType.FP64) {
                    bytes.setAtIndex(ValueLayout.JAVA_DOUBLE, i, values[i]);
                } else {
                    bytes.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) values[i]);
                }
            }
            device.write(tensor, offset, bytes);
        }
    }

    public static double[] sumOfSquares(Device device, Tensor vector, int block) {
        Scalars sums = device.scalars(Math.toIntExact(vector.size() / block));
        device.sumOfSquares(vector, block, sums, 0);
        return device.read(sums);
    }

    /** A weight of 1 for each token. */
    public static Tensor ones(Device device, int count) {
        double[] values = new double[count];
        Arrays.fill(values, 1);
        return tensor(device, values, count);
    }

    static Tensor tensor(Device device, double[] values, int... shape) {
        Tensor tensor = device.zeros(shape);
        write(device, tensor, 0, values);
        return tensor;
    }

    /** Standard normal values that FP32 holds exactly, so that devices of either type start from the same. */
    static double[] normal(Random random, int size) {
        double[] values = new double[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    static Tensor normal(Device device, Random random, int... shape) {
        int size = 1;
        for (int extent : shape) {
            size *= extent;
        }
        return tensor(device, normal(random, size), shape);
    }
}
