package io.kinema.train.device;

import io.kinema.data.command.ConfigException;
import io.kinema.train.tensor.DeviceKind;
import io.kinema.train.tensor.Precision;

/**
 * Where tensors live and how they are computed on.
 *
 * @param name as in {@code --device}
 * @param precision what models are trained in
 * @param threads that compute
 */
public record DeviceConfig(String name, Precision precision, int threads) {
    /**
     * Checks that the three go together on this machine.
     *
     * @throws ConfigException when they do not
     */
    public DeviceConfig {
        Devices.named(name).require(precision, threads);
    }

    /**
     * Fills in what is best here for flags that are left out: the best device that runs, its best precision, and each
     * process's share of the processors.
     *
     * @param name as in {@code --device}; empty where none is asked for
     * @param precision as in {@code --precision}; empty where none is asked for
     * @param threads of each process; 0 where none are asked for
     * @param processes on this machine that will each open the device
     * @return what to open
     * @throws ConfigException when a name is not known, or they do not go together
     */
    public static DeviceConfig resolve(String name, String precision, int threads, int processes) {
        DeviceKind kind = name.isEmpty() ? Devices.best() : Devices.named(name);
        return new DeviceConfig(
                kind.name(),
                precision.isEmpty() ? kind.bestPrecision() : Precision.parse(precision),
                threads == 0 ? kind.defaultThreads(processes) : threads);
    }

    /**
     * Names a device for estimates that are not about this machine.
     *
     * @param precision what models are trained in
     * @return one thread of the best kind that plans memory
     * @throws ConfigException when the kind does not go with the precision
     */
    public static DeviceConfig forEstimates(Precision precision) {
        return new DeviceConfig(Devices.bestThatPlans().name(), precision, 1);
    }

    /**
     * Returns the same device for another precision.
     *
     * @param other what models are trained in
     * @return what to open
     * @throws ConfigException when they do not go together
     */
    public DeviceConfig with(Precision other) {
        return new DeviceConfig(name, other, threads);
    }

    /**
     * Returns what the name stands for.
     *
     * @return the kind of device
     */
    public DeviceKind kind() {
        return Devices.named(name);
    }

    /**
     * Describes the device, for people.
     *
     * @return one line
     */
    public String describe() {
        return name + ", " + precision.flag() + ", " + threads + (threads == 1 ? " thread" : " threads")
                + kind().remark(precision);
    }
}
