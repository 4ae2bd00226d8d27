package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Init;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Gated;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;

/** A matrix and a bias: {@code y = x·weightᵀ + bias}. */
record Linear(Entry weight, Entry bias) {

    static Linear add(ParameterLayout layout, String name, int in, int out, Init init) {
        return new Linear(
                layout.add(name + ".weight", init, ParameterAttributes.DECAYED, out, in),
                layout.add(name + ".bias", Init.ZEROS, ParameterAttributes.NOT_DECAYED, out));
    }

    static Linear add(ParameterLayout layout, String name, int in, int out) {
        return add(layout, name, in, out, Init.XAVIER);
    }

    Tensor forward(Device device, Parameters weights, Tensor x) {
        return device.linear(x, weights.get(weight), weights.get(bias));
    }

    /** A residual stream, and the gates through which the tokens of each modulation row reach it. */
    record Onto(Tensor residualLD, Tensor gateMD, Segments modulation) {}

    /** Adds to a residual stream through a gate. */
    Gated forward(Device device, Parameters weights, Tensor x, Onto onto) {
        return device.linearGatedResidual(
                x, weights.get(weight), weights.get(bias), onto.residualLD, onto.gateMD, onto.modulation);
    }

    /** Adds to a residual stream. */
    Tensor forward(Device device, Parameters weights, Tensor x, Tensor residual) {
        return device.linearResidual(x, weights.get(weight), weights.get(bias), residual);
    }

    /** Adds the parameters' gradients and returns the input's. */
    Tensor backward(Device device, Gradients to, Tensor dy, Tensor x) {
        backwardParameters(device, to, dy, x);
        return device.linearBackwardInput(dy, to.weights().get(weight));
    }

    void backwardParameters(Device device, Gradients to, Tensor dy, Tensor x) {
        device.linearBackwardParameters(dy, x, to.sums().get(weight), to.sums().get(bias));
    }
}
