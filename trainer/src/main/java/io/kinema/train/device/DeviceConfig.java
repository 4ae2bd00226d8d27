package io.kinema.train.device;

import io.kinema.data.command.ConfigException;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import io.kinema.train.tensor.nd4j.Nd4jDevice;
import java.util.List;

/**
 * Where tensors live and how they are computed on.
 *
 * @param name as in {@code --device}
 * @param precision what models are trained in
 * @param threads that compute
 */
public record DeviceConfig(String name, Precision precision, int threads) {
    /** oneDNN for products, the Vector API for all else. */
    public static final String CPU = "cpu";

    /** Plain ND4J: runs wherever ND4J does, and is what other devices are tested against. */
    public static final String ND4J = "nd4j";

    private static final int MAX_THREADS = 4096;
    private static final List<String> CPU_ARCHITECTURES = List.of("amd64", "x86_64", "aarch64");

    /**
     * Checks that the three go together on this machine.
     *
     * @throws ConfigException when they do not
     */
    public DeviceConfig {
        switch (name) {
            case CPU -> {
                requireHalfProducts(precision, false);
                if (!isCpuServed()) {
                    throw new ConfigException("--device cpu runs on Linux on x86-64 and arm64, this is "
                            + System.getProperty("os.name") + " on " + System.getProperty("os.arch")
                            + "; use --device nd4j");
                }
                if (threads < 1 || threads > MAX_THREADS) {
                    throw new ConfigException("--threads " + threads + " is out of range; use 1 to " + MAX_THREADS
                            + ", or 0 for this node's share of the processors");
                }
            }
            case ND4J -> {
                requireHalfProducts(precision, Nd4jDevice.isOnCuda());
                if (precision == Precision.BF16) {
                    throw new ConfigException(
                            "--precision bf16 does not go with --device nd4j, which computes in fp32, on CUDA in fp16 too; use --precision fp32 or --device cpu");
                }
                if (threads != 1) {
                    throw new ConfigException(
                            "--threads " + threads
                                    + " does not go with --device nd4j, which computes on one thread; use --threads 1, more --nodes, or --device cpu");
                }
            }
            default -> throw new ConfigException("--device " + name + " is not known; use cpu or nd4j");
        }
    }

    /**
     * Puts what is best here in place of what is not asked for: {@code cpu} where it runs, bf16 on it where the
     * processor multiplies bf16, and each process's share of the processors.
     *
     * @param name as in {@code --device}; empty where none is asked for
     * @param precision as in {@code --precision}; empty where none is asked for
     * @param threads of each process; 0 where none are asked for
     * @param processes on this machine that will each open the device
     * @return what to open
     * @throws ConfigException when a name is not known, or they do not go together
     */
    public static DeviceConfig resolve(String name, String precision, int threads, int processes) {
        String device = name.isEmpty() ? isCpuServed() ? CPU : ND4J : name;
        boolean isCpu = device.equals(CPU) && isCpuServed();
        Precision found;
        if (precision.isEmpty()) {
            found = isCpu && CpuDevice.hasNativeBf16() ? Precision.BF16 : Precision.FP32;
        } else {
            found = Precision.parse(precision);
        }
        int share = isCpu ? Math.max(1, Runtime.getRuntime().availableProcessors() / processes) : 1;
        return new DeviceConfig(device, found, threads == 0 ? share : threads);
    }

    private static void requireHalfProducts(Precision precision, boolean available) {
        if (precision == Precision.FP16 && !available) {
            throw new ConfigException(
                    "--precision fp16 needs half products, which CPUs do not have (ND4J's reach about 1 GFLOP/s there);"
                            + " use --precision fp32, bf16 with --device cpu, or --device nd4j built with -Pcuda on an NVIDIA card");
        }
    }

    private static boolean isCpuServed() {
        return System.getProperty("os.name").equals("Linux")
                && CPU_ARCHITECTURES.contains(System.getProperty("os.arch"));
    }

    /**
     * Describes the device, for people.
     *
     * @return one line
     */
    public String describe() {
        String text = name + ", " + precision.flag() + ", " + threads + (threads == 1 ? " thread" : " threads");
        boolean emulated = name.equals(CPU) && precision == Precision.BF16 && !CpuDevice.hasNativeBf16();
        return emulated ? text + " (this processor has no bf16 instructions: bf16 saves memory but costs time)" : text;
    }
}
