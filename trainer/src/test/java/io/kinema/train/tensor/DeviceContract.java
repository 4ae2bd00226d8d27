package io.kinema.train.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.TestInstance;

/** What the tests of every device share; a device's test class implements the contracts that extend this. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
interface DeviceContract {
    /** Mixed lengths, one row among them. */
    Segments MIXED = Segments.ofLengths(5, 1, 7, 2);

    /** Other lengths for the keys of {@link #MIXED}'s segments. */
    Segments MIXED_KEYS = Segments.ofLengths(3, 4, 1, 6);

    Device open(DType dtype);

    /** What {@link #open} takes, the finest last. */
    default List<DType> types() {
        return List.of(DType.FP32, DType.FP64);
    }

    /** The type in which gradients are checked by finite differences. */
    default DType finest() {
        return types().getLast();
    }

    /** How far the device's forward may be from float64 arithmetic, relative to the largest value. */
    default double tolerance(DType dtype) {
        return dtype == DType.FP64 ? 1e-12 : 2e-6;
    }

    default void assertClose(double[] expected, Device device, Tensor actual) {
        double[] values = Host.read(device, actual);
        assertEquals(expected.length, values.length, "elements");
        double scale = 1;
        for (double value : expected) {
            scale = Math.max(scale, Math.abs(value));
        }
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], values[i], tolerance(device.dtype()) * scale, "element " + i);
        }
    }
}
