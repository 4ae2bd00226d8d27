package io.kinema.train.tensor;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.tensor.nd4j.Nd4jDevice;
import org.junit.jupiter.api.Test;

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

    @Test
    void shouldRefuseVectorsThatAreTooLong() {
        try (Device device = open(DType.FP32)) {
            String message = assertThrows(IllegalArgumentException.class, () -> device.zeros(1L << 31))
                    .getMessage();
            assertTrue(message.contains("2147483648") && message.contains("--device cpu"), message);
        }
    }
}
