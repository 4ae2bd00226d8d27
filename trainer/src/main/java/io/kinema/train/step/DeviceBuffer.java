package io.kinema.train.step;

import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/** A tensor that collectives read and write. */
record DeviceBuffer(Device device, Tensor tensor) implements CollectiveBuffer {
    @Override
    public long numElements() {
        return tensor.size();
    }

    @Override
    public int elementBytes() {
        return tensor.dtype().bytes();
    }

    @Override
    public void read(long first, MemorySegment to) {
        device.read(tensor, first, to);
    }

    @Override
    public void write(long first, MemorySegment from) {
        device.write(tensor, first, from);
    }
}
