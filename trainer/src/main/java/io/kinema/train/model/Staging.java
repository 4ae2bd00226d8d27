package io.kinema.train.model;

import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Tensor;
import io.kinema.train.tensor.TensorMemory;
import io.kinema.train.tensor.UploadBuffer;
import java.lang.foreign.MemorySegment;

/**
 * Host memory for values on their way to a device, kept from one microbatch to the next. Used by one thread at a time.
 */
final class Staging {
    private TensorMemory device;
    private UploadBuffer buffer;
    private long capacity;

    /**
     * Makes room for so many values; what they are is undefined. The memory is good until the next call, which waits
     * until the device has copied them.
     */
    MemorySegment room(TensorMemory on, long count) {
        if (device != on || capacity < count) {
            if (buffer != null) {
                buffer.close();
            }
            device = on;
            capacity = count;
            buffer = on.uploadBuffer(count);
        }
        buffer.awaitFree();
        return buffer.values();
    }

    /** Copies the first values to a new tensor, as many as the shape holds. */
    Tensor tensor(int... shape) {
        if (Shapes.sizeOf(shape) > capacity) {
            throw new IllegalArgumentException(
                    Shapes.text(shape) + " is more than the " + capacity + " values that there is room for");
        }
        return device.of(buffer, 0, shape);
    }
}
