package io.kinema.train.model;

import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;

/** Two linear layers with a GELU between, the inner one {@link DitConfig#MLP_RATIO} times as wide. */
record Mlp(Linear in, Linear out) {

    /** What backward needs: the input, and the inner layer before and after the GELU. */
    record Saved(Tensor x, Tensor inner, Tensor activated, Tensor y) {}

    static Mlp add(ParameterLayout layout, String name, int width) {
        int inner = DitConfig.MLP_RATIO * width;
        return new Mlp(Linear.add(layout, name + ".in", width, inner), Linear.add(layout, name + ".out", inner, width));
    }

    Saved forward(Device device, ParameterSet weights, Tensor x) {
        Tensor inner = in.forward(device, weights, x);
        Tensor activated = device.gelu(inner);
        return new Saved(x, inner, activated, out.forward(device, weights, activated));
    }

    Tensor backward(Device device, Gradients to, Tensor dy, Saved saved) {
        Tensor dActivated = out.backward(device, to, dy, saved.activated);
        return in.backward(device, to, device.geluBackward(dActivated, saved.inner), saved.x);
    }
}
