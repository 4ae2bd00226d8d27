package io.kinema.train.tensor;

/**
 * A kind of device: what {@code --device} names, what this machine lets the kind do, and how to open a device.
 *
 * <p>All methods but {@link #open} and {@link #plan} answer on machines where the kind does not run, too.
 */
public interface DeviceKind {
    /** {@return the name, as in {@code --device}} */
    String name();

    /** {@return whether devices of the kind can be opened on this machine} */
    boolean runsHere();

    /** {@return what models train in where {@code --precision} is left out; FP32 where the kind does not run} */
    Precision bestPrecision();

    /**
     * Returns how many threads a process computes with where {@code --threads} is left out.
     *
     * @param processes on this machine that will each open a device
     * @return at least 1
     */
    int defaultThreads(int processes);

    /**
     * Returns whether the threads of processes on one machine compete for its processors, so that whoever starts
     * several should share the processors out.
     *
     * @return whether processors do the arithmetic, with as many threads as are asked for
     */
    boolean sharesProcessors();

    /**
     * Checks that a device can be opened on this machine.
     *
     * @param precision what models are trained in
     * @param threads that compute
     * @throws io.kinema.data.command.ConfigException when it cannot; with the remedy
     */
    void require(Precision precision, int threads);

    /**
     * Adds to the description of a device what people should know of it.
     *
     * @param precision what models are trained in
     * @return more text for the same line; empty where there is nothing to say
     */
    String remark(Precision precision);

    /**
     * Opens a device of fp32 with the precision's working type.
     *
     * @param precision as checked by {@link #require}
     * @param threads as checked by {@link #require}
     * @param place of this process on its host
     * @return the device; the caller closes it
     * @throws io.kinema.data.command.ConfigException when it cannot run here
     */
    Device open(Precision precision, int threads, HostPlace place);

    /** {@return whether {@link #plan} is there, so that a run's memory is known before its first step} */
    boolean plansMemory();

    /**
     * Opens a device that allocates as another does, but has no memory and computes nothing: its footprint tells what a
     * piece of work would take. What is read from it is undefined.
     *
     * @param precision what models are trained in
     * @param threads that would compute
     * @return the device; the caller closes it
     * @throws UnsupportedOperationException where {@link #plansMemory} says no
     */
    MeteredDevice plan(Precision precision, int threads);
}
