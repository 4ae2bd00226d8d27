package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Init;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Tensor;

/** RMS norm of each head of queries or keys (Henry et al., 2010.04245); one weight a column, shared by the heads. */
record HeadNorm(Entry weight) {

    static HeadNorm add(ParameterLayout layout, String name, int width, int heads) {
        return new HeadNorm(layout.add(name, Init.ONES, ParameterAttributes.NOT_DECAYED, width / heads));
    }

    Tensor forward(Device device, Parameters weights, Tensor xLNK) {
        return device.rmsNorm(xLNK, weights.get(weight));
    }

    Tensor backward(Device device, Gradients to, Tensor dyLNK, Tensor xLNK) {
        return device.rmsNormBackward(
                dyLNK, xLNK, to.weights().get(weight), to.sums().get(weight));
    }
}
