package io.kinema.train.tensor;

import io.kinema.train.tensor.nd4j.Nd4jDevice;

/** The nd4j device against the contract of devices. */
final class Nd4jDeviceTest
        implements MemoryContract,
                VectorContract,
                LayerContract,
                NormContract,
                AttentionContract,
                SegmentContract,
                ConsistencyContract {
    @Override
    public Device open(DType dtype) {
        return Nd4jDevice.open(dtype);
    }
}
