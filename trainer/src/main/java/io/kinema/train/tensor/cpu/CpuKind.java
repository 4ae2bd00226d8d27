package io.kinema.train.tensor.cpu;

import io.kinema.data.command.ConfigException;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.DeviceKind;
import io.kinema.train.tensor.HostPlace;
import io.kinema.train.tensor.MeteredDevice;
import io.kinema.train.tensor.Precision;
import java.util.List;

/** The kind {@code cpu}: oneDNN for products, the Vector API for all else. */
public final class CpuKind implements DeviceKind {
    private static final int MAX_THREADS = 4096;
    private static final List<String> ARCHITECTURES = List.of("amd64", "x86_64", "aarch64");

    /** Looks at nothing yet. */
    public CpuKind() {}

    @Override
    public String name() {
        return CpuDevice.NAME;
    }

    @Override
    public boolean runsHere() {
        return System.getProperty("os.name").equals("Linux") && ARCHITECTURES.contains(System.getProperty("os.arch"));
    }

    @Override
    public Precision bestPrecision() {
        return runsHere() && OneDnn.hasNativeBf16() ? Precision.BF16 : Precision.FP32;
    }

    @Override
    public int defaultThreads(int processes) {
        return runsHere() ? Math.max(1, Runtime.getRuntime().availableProcessors() / processes) : 1;
    }

    @Override
    public boolean sharesProcessors() {
        return true;
    }

    @Override
    public void require(Precision precision, int threads) {
        if (precision == Precision.FP16) {
            throw Precision.withoutHalfProducts();
        }
        if (!runsHere()) {
            throw new ConfigException("--device cpu runs on Linux on x86-64 and arm64, this is "
                    + System.getProperty("os.name") + " on " + System.getProperty("os.arch") + "; use --device nd4j");
        }
        if (threads < 1 || threads > MAX_THREADS) {
            throw new ConfigException("--threads " + threads + " is out of range; use 1 to " + MAX_THREADS
                    + ", or 0 for this node's share of the processors");
        }
    }

    @Override
    public String remark(Precision precision) {
        boolean isEmulated = precision == Precision.BF16 && !OneDnn.hasNativeBf16();
        return isEmulated ? " (this processor has no bf16 instructions: bf16 saves memory but costs time)" : "";
    }

    /** One process computes as any other does, with the threads that it is given. */
    @Override
    public Device open(Precision precision, int threads, HostPlace place) {
        return CpuDevice.open(precision.workingType(), threads);
    }

    @Override
    public boolean plansMemory() {
        return true;
    }

    @Override
    public MeteredDevice plan(Precision precision, int threads) {
        return CpuDevice.planning(precision.workingType(), threads);
    }
}
