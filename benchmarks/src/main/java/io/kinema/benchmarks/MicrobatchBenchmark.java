package io.kinema.benchmarks;

import io.kinema.train.device.Devices;
import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Objective;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.SpacetimeDit;
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

/**
 * The time of one small microbatch, forward and backward: what every device spends on calls rather than on arithmetic.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class MicrobatchBenchmark {
    /** As in {@code --device}. */
    @Param({"cpu", "nd4j"})
    public String device;

    private Device on;
    private DiffusionLoss loss;
    private Gradients gradients;
    private Microbatch batch;

    /** For JMH. */
    public MicrobatchBenchmark() {}

    /** Opens the device and makes the model. */
    @Setup
    public void open() {
        on = Devices.open(device);
        SpacetimeDit model = new SpacetimeDit(DitConfig.preset("debug"));
        ParameterSet weights = Formulas.weights(on, model);
        gradients = new Gradients(weights, ParameterSet.gradients(on, model.layout()));
        loss = new DiffusionLoss(model, on);
        batch = Formulas.microbatch(model.config().tokens(), Objective.named("flow", 1));
    }

    /**
     * One pass.
     *
     * @return the squared error of each clip
     */
    @Benchmark
    public double[] forwardBackward() {
        try (Device.Scope _ = on.openScope()) {
            return on.read(loss.forwardBackward(gradients, batch, 1e-6));
        }
    }

    /** Closes the device. */
    @TearDown
    public void close() {
        on.close();
    }
}
