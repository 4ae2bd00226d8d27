package io.kinema.train.model;

import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.TensorMemory;
import java.lang.foreign.MemorySegment;

/**
 * Host memory for values on their way to a device, kept from one microbatch to the next. Used by one thread at a time.
 */
final class Staging {
    private float[] values = {};

    /** Makes room for so many values; what they are is undefined. The array is good until the next call. */
    float[] room(int count) {
        if (values.length < count) {
            values = new float[count];
        }
        return values;
    }

    /** Copies the first values to a new tensor, as many as the shape holds. */
    Tensor tensor(TensorMemory device, int... shape) {
        return device.of(MemorySegment.ofArray(values).asSlice(0, Shapes.sizeOf(shape) * Float.BYTES), shape);
    }
}
