package io.kinema.train.tensor.nd4j;

import io.kinema.data.command.ConfigException;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.DeviceKind;
import io.kinema.train.tensor.HostPlace;
import io.kinema.train.tensor.MeteredDevice;
import io.kinema.train.tensor.Precision;

/** The kind {@code nd4j}: plain ND4J runs wherever ND4J does, and is what other devices are tested against. */
public final class Nd4jKind implements DeviceKind {
    /** Looks at nothing yet. */
    public Nd4jKind() {}

    @Override
    public String name() {
        return Nd4jDevice.NAME;
    }

    @Override
    public boolean runsHere() {
        return true;
    }

    @Override
    public Precision bestPrecision() {
        return Precision.FP32;
    }

    @Override
    public int defaultThreads(int processes) {
        return 1;
    }

    @Override
    public boolean sharesProcessors() {
        return false;
    }

    @Override
    public void require(Precision precision, int threads) {
        if (precision == Precision.FP16 && !CudaDriver.isBackendPresent()) {
            throw Precision.withoutHalfProducts();
        }
        if (precision == Precision.BF16) {
            throw new ConfigException("--precision bf16 does not go with --device nd4j, which computes in fp32, on CUDA"
                    + " in fp16 too; use --precision fp32 or --device cpu");
        }
        if (threads != 1) {
            throw new ConfigException("--threads " + threads + " does not go with --device nd4j, which computes on one"
                    + " thread; use --threads 1, more --nodes, or --device cpu");
        }
    }

    @Override
    public String remark(Precision precision) {
        return "";
    }

    /** ND4J takes the first of the cards that {@code CUDA_VISIBLE_DEVICES} leaves the process, wherever that stands. */
    @Override
    public Device open(Precision precision, int threads, HostPlace place) {
        return Nd4jDevice.open(precision.workingType());
    }

    @Override
    public boolean plansMemory() {
        return false;
    }

    @Override
    public MeteredDevice plan(Precision precision, int threads) {
        throw new UnsupportedOperationException("the device nd4j does not plan its memory");
    }
}
