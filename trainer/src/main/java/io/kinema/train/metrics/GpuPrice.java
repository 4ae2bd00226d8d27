package io.kinema.train.metrics;

import io.kinema.data.command.ConfigException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * Accelerators and their peak in bf16 (fp16 for V100) with sums in fp32, dense, as NVIDIA's data sheets give it; what a
 * training gets of that is its utilisation.
 */
public enum GpuPrice {
    /** V100 SXM2, NVIDIA V100 data sheet (2020). */
    V100(125),
    /** A100 SXM4, NVIDIA A100 data sheet (2021). */
    A100(312),
    /** L40S, NVIDIA L40S data sheet (2023). */
    L40S(362),
    /** H100 SXM5, NVIDIA H100 data sheet (2023); half of what is said with sparsity. */
    H100(989.5),
    /** H200 SXM, NVIDIA H200 data sheet (2024); likewise. */
    H200(989.5),
    /** B200, NVIDIA DGX B200 data sheet (2024); likewise, an eighth of the system's. */
    B200(2250);

    private static final double TERA = 1e12;

    private final double teraflops;

    GpuPrice(double teraflops) {
        this.teraflops = teraflops;
    }

    /**
     * Finds one.
     *
     * @param flag that names it
     * @param name in any case
     * @return it
     * @throws ConfigException if it is not known
     */
    public static GpuPrice named(String flag, String name) {
        return Arrays.stream(values())
                .filter(gpu -> gpu.name().equalsIgnoreCase(name))
                .findFirst()
                .orElseThrow(() -> new ConfigException(flag + " " + name + " is not known; use one of "
                        + Arrays.stream(values())
                                .map(gpu -> gpu.name().toLowerCase(Locale.ROOT))
                                .collect(Collectors.joining(", "))));
    }

    /**
     * Returns the peak.
     *
     * @return floating point operations a second
     */
    public double flopsPerSecond() {
        return teraflops * TERA;
    }
}
