package io.kinema.train.tensor.nd4j;

import io.kinema.data.command.ConfigException;
import java.util.List;

/**
 * What decides whether the CUDA backend can run on a card.
 *
 * <p>nd4j-cuda-11.6 of 1.0.0-M2.1 holds machine code for compute capabilities 3.7 to 8.6 and none that a driver could
 * compile for others. Machine code runs on later minor versions of its own major version, hence up to 8.9.
 *
 * @param driverCuda the newest CUDA version that the driver serves, as the driver tells it: 11060 is 11.6
 * @param deviceName such as Tesla T4
 * @param major of the compute capability
 * @param minor of the compute capability
 */
record CudaProperties(int driverCuda, String deviceName, int major, int minor) {
    private static final int FIRST_CAPABILITY = 37;
    private static final int LAST_CAPABILITY = 89;

    /** From MmulHelper::mmulMxM of libnd4j, cuda_off/MmulHelper.cu. */
    private static final int FIRST_HALF_MAJOR = 6;

    /** Drivers of any CUDA 11 run machine code of 11.6 (CUDA compatibility guide, minor version compatibility). */
    private static final int OLDEST_DRIVER_CUDA = 11000;

    private static final String NEEDED =
            "nd4j-cuda-11.6 needs a card of compute capability 3.7 to 8.9 and a driver for CUDA"
                    + " 11.0 or newer (450.80.02 on Linux)";

    private static final String ON_CPU = "run --device nd4j on the CPU by building without -Pcuda";

    /** What to throw where there is nothing to look at. */
    static ConfigException unavailable(String found) {
        return new ConfigException("no usable NVIDIA card: " + found + "; " + NEEDED + "; " + ON_CPU);
    }

    /**
     * Requires that the backend can run on all of the cards that it will see, as it sets every one of them up.
     *
     * @throws ConfigException with what was found, what is needed, and the remedy
     */
    static void requireServed(List<CudaProperties> cards) {
        if (cards.isEmpty()) {
            throw unavailable("the driver shows none");
        }
        for (CudaProperties card : cards) {
            int capability = 10 * card.major + card.minor;
            if (capability < FIRST_CAPABILITY || capability > LAST_CAPABILITY) {
                throw new ConfigException("found " + card + "; " + NEEDED
                        + "; choose another card by CUDA_VISIBLE_DEVICES, or " + ON_CPU);
            }
            if (card.driverCuda < OLDEST_DRIVER_CUDA) {
                throw new ConfigException("found " + card + "; " + NEEDED + "; update the driver, or " + ON_CPU);
            }
        }
    }

    /**
     * Requires that every card multiplies FP16 into FP32: ND4J asks cuBLAS to from this capability on, and computes
     * something else below.
     *
     * @throws ConfigException with what was found, what is needed, and the remedy
     */
    static void requireHalfProducts(List<CudaProperties> cards) {
        for (CudaProperties card : cards) {
            if (card.major < FIRST_HALF_MAJOR) {
                throw new ConfigException("found " + card + "; --precision fp16 needs compute capability "
                        + FIRST_HALF_MAJOR + ".0 or newer; use --precision fp32, or choose another card by"
                        + " CUDA_VISIBLE_DEVICES");
            }
        }
    }

    @Override
    public String toString() {
        return deviceName + " of compute capability " + major + "." + minor + " with a driver for CUDA "
                + driverCuda / 1000 + "." + driverCuda % 1000 / 10;
    }
}
