package io.kinema.train.step;

import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.tensor.Completion;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * A tensor that collectives read and write, on a thread of theirs.
 *
 * @param device of the tensor
 * @param tensor flat
 * @param given the end of the operations that were begun on the tensor before the exchange
 */
record DeviceBuffer(Device device, Tensor tensor, Completion given) implements CollectiveBuffer {
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
        given.await();
        device.read(tensor, first, to);
    }

    @Override
    public void write(long first, MemorySegment from) {
        given.await();
        device.write(tensor, first, from);
    }
}
