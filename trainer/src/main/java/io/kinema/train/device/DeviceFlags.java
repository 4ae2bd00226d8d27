package io.kinema.train.device;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.ConfigException;

/** The flags of every command that computes, which say on what. */
public final class DeviceFlags {
    @Parameter(
            names = "--device",
            order = 19,
            description =
                    "What computes: cpu (oneDNN and vector instructions; Linux) or nd4j (everywhere, and NVIDIA cards"
                            + " with -Pcuda); cpu where it runs if absent")
    private String device = "";

    @Parameter(
            names = "--precision",
            order = 20,
            description =
                    "bf16 (weights to multiply by and activations in bf16, all else in fp32; device cpu), fp16 (the"
                            + " same in fp16, in training with a scaled loss; device nd4j on NVIDIA cards) or"
                            + " fp32, whatever a"
                            + " model was trained in; where none is given or named as default, bf16 if the"
                            + " processor has instructions for it")
    private String precision;

    @Parameter(
            names = "--threads",
            order = 21,
            description =
                    "Threads of each rank, which do not change the result; 0 shares the processors out to the ranks")
    private int threads;

    /**
     * Begins with the defaults.
     *
     * @param precision where none is asked for; empty for what is best on the machine
     */
    public DeviceFlags(String precision) {
        this.precision = precision;
    }

    /**
     * Decides for this machine what the flags leave open.
     *
     * @param processes on this machine that will each open the device
     * @return what to open
     * @throws ConfigException when the flags do not go together
     */
    public DeviceConfig resolve(int processes) {
        return DeviceConfig.resolve(device, precision, threads, processes);
    }

    /**
     * Returns what was asked for.
     *
     * @return threads of each rank; 0 where that is open
     */
    public int threads() {
        return threads;
    }
}
