package io.kinema.benchmarks;

import io.kinema.train.device.DeviceConfig;
import io.kinema.train.device.Devices;
import io.kinema.train.tensor.Device;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** The time of single operations; {@link OperationTable} sets the same beside what bounds them. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class OperationBenchmark {
    /** As in {@code --device}. */
    @Param({"cpu", "nd4j"})
    public String device;

    /** As in {@code --precision}. */
    @Param("fp32")
    public String precision;

    /** As in {@code --threads}. */
    @Param("0")
    public int threads;

    /** As {@link OperationTable} names them. */
    @Param({
        "linear",
        "linearGelu",
        "linearBackwardInput",
        "linearBackwardParameters",
        "attention256",
        "attention256Backward",
        "attention2048",
        "attention2048Backward",
        "heads",
        "headsBackward",
        "modulatedLayerNorm",
        "modulatedLayerNormBackward",
        "rmsNorm",
        "rmsNormBackward",
        "gelu",
        "geluBackward",
        "gatedResidual",
        "gatedResidualBackward",
        "adamw",
        "ema",
        "copy"
    })
    public String operation;

    private Device on;
    private Operation timed;

    /** For JMH. */
    public OperationBenchmark() {}

    /** Opens the device and makes the operands. */
    @Setup
    public void open() {
        on = Devices.open(DeviceConfig.resolve(device, precision, threads, 1));
        timed = new Operations(on).get(operation);
    }

    /** One operation, its results freed. */
    @Benchmark
    public void time() {
        timed.run();
    }

    /** Closes the device. */
    @TearDown
    public void close() {
        on.close();
    }
}
