package io.kinema.train.model;

import io.kinema.train.tensor.Activated;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;

/** Two linear layers with a GELU between, the inner one {@link DitConfig#MLP_RATIO} times as wide. */
record Mlp(Linear in, Linear out) {

    /** What backward needs: the input, and the inner layer before and after the GELU. */
    record Saved(Tensor x, Activated inner) {}

    static Mlp add(ParameterLayout layout, String name, int width) {
        int inner = DitConfig.MLP_RATIO * width;
        return new Mlp(Linear.add(layout, name + ".in", width, inner), Linear.add(layout, name + ".out", inner, width));
    }

    /** Goes as far as the GELU; {@link #out} takes it from there. */
    Saved forward(Device device, Parameters weights, Tensor x) {
        return new Saved(x, device.linearGelu(x, weights.get(in.weight()), weights.get(in.bias())));
    }

    Tensor backward(Device device, Gradients to, Tensor dy, Saved saved) {
        out.backwardParameters(device, to, dy, saved.inner.outRO());
        Tensor dInner = device.linearBackwardInputGelu(dy, to.weights().get(out.weight()), saved.inner.innerRO());
        return in.backward(device, to, dInner, saved.x);
    }
}
