package io.kinema.train.tensor.cpu;

import io.kinema.train.tensor.Bfloat16;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/**
 * An operand of an operation: the same values on any device.
 *
 * @param type on devices that have it
 * @param shape extents
 * @param values which the type holds exactly
 */
record Given(DType type, int[] shape, double[] values) {

    static Given normal(Random random, DType type, int... shape) {
        double[] values = new double[Math.toIntExact(Shapes.sizeOf(shape))];
        for (int i = 0; i < values.length; i++) {
            float value = (float) random.nextGaussian();
            values[i] = type == DType.BF16 ? Bfloat16.toFloat(Bfloat16.of(value)) : value;
        }
        return new Given(type, shape, values);
    }

    /** Of either type where the working type is BF16. */
    static Given either(Random random, DType workingType, int... shape) {
        return normal(random, random.nextBoolean() ? workingType : DType.FP32, shape);
    }

    /** The tensor, not aligned to anything but its elements. */
    Tensor on(Device device, int shift) {
        DType own = device.dtype() == DType.FP64 ? DType.FP64 : type;
        Tensor tensor = device.view(device.zeros(own, values.length + shift), shift, shape);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate((long) values.length * own.bytes(), 64);
            for (int i = 0; i < values.length; i++) {
                switch (own) {
                    case BF16 -> bytes.setAtIndex(ValueLayout.JAVA_SHORT, i, Bfloat16.of((float) values[i]));
                    case FP32 -> bytes.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) values[i]);
                    case FP64 -> bytes.setAtIndex(ValueLayout.JAVA_DOUBLE, i, values[i]);
                }
            }
            device.write(tensor, 0, bytes);
        }
        return tensor;
    }

    static double[] read(Device device, Tensor tensor) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(tensor.size() * tensor.dtype().bytes(), 64);
            device.read(tensor, 0, bytes);
            double[] values = new double[Math.toIntExact(tensor.size())];
            for (int i = 0; i < values.length; i++) {
                values[i] = switch (tensor.dtype()) {
                    case BF16 -> Bfloat16.toFloat(bytes.getAtIndex(ValueLayout.JAVA_SHORT, i));
                    case FP16 -> throw new IllegalArgumentException("the cpu device has no tensors of FP16");
                    case FP32 -> bytes.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                    case FP64 -> bytes.getAtIndex(ValueLayout.JAVA_DOUBLE, i);
                };
            }
            return values;
        }
    }
}
