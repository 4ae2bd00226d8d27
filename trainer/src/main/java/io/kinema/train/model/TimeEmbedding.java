package io.kinema.train.model;

import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Sinusoids of the diffusion time (as in DiT, 2212.09748, and Vaswani et al., 1706.03762, section 3.5) through an MLP.
 */
final class TimeEmbedding {
    private static final int FREQUENCIES = 128;
    private static final double LONGEST_PERIOD = 10_000;

    private final Linear in;
    private final Linear out;
    private final Staging waves = new Staging();

    private TimeEmbedding(Linear in, Linear out) {
        this.in = in;
        this.out = out;
    }

    /** What backward needs, and the embedding [M, D]. */
    record Saved(Tensor sinusoids, Tensor inner, Tensor activated, Tensor yMD) {}

    static TimeEmbedding add(ParameterLayout layout, int width) {
        return new TimeEmbedding(
                Linear.add(layout, "time.in", 2 * FREQUENCIES, width), Linear.add(layout, "time.out", width, width));
    }

    Saved forward(Device device, Parameters weights, double[] timeM) {
        MemorySegment values = waves.room(device, timeM.length * 2L * FREQUENCIES);
        for (int m = 0; m < timeM.length; m++) {
            for (int i = 0; i < FREQUENCIES; i++) {
                double angle = timeM[m] * Math.pow(LONGEST_PERIOD, -(double) i / FREQUENCIES);
                long at = m * 2L * FREQUENCIES + i;
                values.setAtIndex(ValueLayout.JAVA_FLOAT, at, (float) Math.cos(angle));
                values.setAtIndex(ValueLayout.JAVA_FLOAT, at + FREQUENCIES, (float) Math.sin(angle));
            }
        }
        Tensor sinusoids = waves.tensor(timeM.length, 2 * FREQUENCIES);
        Tensor inner = in.forward(device, weights, sinusoids);
        Tensor activated = device.silu(inner);
        return new Saved(sinusoids, inner, activated, out.forward(device, weights, activated));
    }

    void backward(Device device, Gradients to, Tensor dyMD, Saved saved) {
        Tensor dInner = device.siluBackward(out.backward(device, to, dyMD, saved.activated), saved.inner);
        in.backwardParameters(device, to, dInner, saved.sinusoids);
    }
}
