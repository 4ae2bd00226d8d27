package io.kinema.train.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.train.tensor.cpu.CpuDevice;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

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

    /** Only the pages that are touched take memory. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldReachElementsBeyondTwoToThe31() {
        long beyond = 1L << 31;
        try (Device device = CpuDevice.open(DType.BF16, 2)) {
            Tensor vector = device.zeros(DType.BF16, beyond + 3);
            assertEquals(beyond + 3, vector.size());
            device.copy(device.view(vector, beyond, 3L), device.of(new float[] {1, 2, 3}, 3));
            device.add(device.view(vector, beyond + 1, 1L), device.of(new float[] {5}, 1));
            short[] last = new short[3];
            device.read(vector, beyond, MemorySegment.ofArray(last));
            assertArrayEquals(new short[] {0x3F80, 0x40E0, 0x4040}, last, "1, 7 and 3 in BF16");
            short[] first = new short[3];
            device.read(vector, 0, MemorySegment.ofArray(first));
            assertArrayEquals(new short[3], first);
            assertThrows(IllegalStateException.class, vector::shape);
            Tensor other = device.zeros(2);
            String message = assertThrows(IllegalArgumentException.class, () -> device.add(vector, other))
                    .getMessage();
            assertTrue(message.contains("[2147483651]") && message.contains("[2]"), message);
        }
    }
}
