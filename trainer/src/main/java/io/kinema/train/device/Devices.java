package io.kinema.train.device;

import io.kinema.data.command.ConfigException;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.DeviceKind;
import io.kinema.train.tensor.HostPlace;
import io.kinema.train.tensor.MeteredDevice;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuKind;
import io.kinema.train.tensor.nd4j.Nd4jKind;
import java.util.List;

/** Finds and opens what {@code --device} names. A new kind of device is one more line in {@link #KINDS}. */
public final class Devices {
    /** The best first; the last runs everywhere. */
    private static final List<DeviceKind> KINDS = List.of(new CpuKind(), new Nd4jKind());

    private Devices() {}

    /** The kind of a name. */
    static DeviceKind named(String name) {
        for (DeviceKind kind : KINDS) {
            if (kind.name().equals(name)) {
                return kind;
            }
        }
        String known = String.join(" or ", KINDS.stream().map(DeviceKind::name).toList());
        throw new ConfigException("--device " + name + " is not known; use " + known);
    }

    /** The best kind that runs on this machine. */
    static DeviceKind best() {
        return KINDS.stream().filter(DeviceKind::runsHere).findFirst().orElseThrow();
    }

    /** The best kind that plans memory. */
    static DeviceKind bestThatPlans() {
        return KINDS.stream().filter(DeviceKind::plansMemory).findFirst().orElseThrow();
    }

    /**
     * Opens a device for the only process of this host.
     *
     * @param config which
     * @return a device of fp32 with the precision's working type; the caller closes it
     * @throws ConfigException when it cannot run here
     */
    public static Device open(DeviceConfig config) {
        return open(config, HostPlace.ALONE);
    }

    /**
     * Opens a device for one of several processes of this host.
     *
     * @param config which
     * @param place of this process
     * @return a device of fp32 with the precision's working type; the caller closes it
     * @throws ConfigException when it cannot run here
     */
    public static Device open(DeviceConfig config, HostPlace place) {
        return config.kind().open(config.precision(), config.threads(), place);
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

    /**
     * Opens a device that allocates and does not compute.
     *
     * @param config of a kind that plans memory
     * @return the device; the caller closes it
     */
    public static MeteredDevice plan(DeviceConfig config) {
        return config.kind().plan(config.precision(), config.threads());
    }
}
