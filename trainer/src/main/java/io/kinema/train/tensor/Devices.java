package io.kinema.train.tensor;

import io.kinema.data.ConfigException;
import io.kinema.train.tensor.nd4j.Nd4jDevice;

/** What {@code --device} names. */
public final class Devices {
    private Devices() {}

    /**
     * Opens a device.
     *
     * @param name as in {@code --device}
     * @return an fp32 device; the caller closes it
     * @throws ConfigException when there is none of that name, or it cannot run here
     */
    public static Device open(String name) {
        requireKnown(name);
        return Nd4jDevice.open(DType.FP32);
    }

    /**
     * Checks a name without starting anything.
     *
     * @param name as in {@code --device}
     * @throws ConfigException when there is none of that name
     */
    public static void requireKnown(String name) {
        if (!name.equals("nd4j")) {
            throw new ConfigException("--device " + name + " is not known; use nd4j");
        }
    }
}
