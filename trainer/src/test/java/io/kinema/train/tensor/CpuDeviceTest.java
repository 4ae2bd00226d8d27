package io.kinema.train.tensor;

import io.kinema.train.tensor.cpu.CpuDevice;
import java.util.List;

/** The cpu device against the contract of devices. */
final class CpuDeviceTest
        implements MemoryContract,
                VectorContract,
                LayerContract,
                NormContract,
                AttentionContract,
                SegmentContract,
                ConsistencyContract {
    @Override
    public Device open(DType dtype) {
        return CpuDevice.open(dtype, 2);
    }

    @Override
    public List<DType> types() {
        return List.of(DType.FP32);
    }
}
