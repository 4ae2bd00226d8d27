package io.kinema.train.device;

import io.kinema.data.command.ConfigException;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import io.kinema.train.tensor.nd4j.Nd4jDevice;

/** Opens what {@code --device} names. */
public final class Devices {
    private Devices() {}

    /**
     * Opens a device.
     *
     * @param config which
     * @return a device of fp32 with the precision's working type; the caller closes it
     * @throws ConfigException when it cannot run here
     */
    public static Device open(DeviceConfig config) {
        return config.name().equals(DeviceConfig.CPU)
                ? CpuDevice.open(config.precision().workingType(), config.threads())
                : Nd4jDevice.open(config.precision().workingType());
    }

    /**
     * Opens a device of fp32, with all processors.
     *
     * @param name as in {@code --device}
     * @return the device; the caller closes it
     * @throws ConfigException when there is none of that name, or it cannot run here
     */
    public static Device open(String name) {
        return open(DeviceConfig.resolve(name, Precision.FP32.flag(), 0, 1));
    }
}
