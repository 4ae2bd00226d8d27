package io.kinema.train.model;

import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.HeadRotation;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;

/** Multi-head attention of a sequence over itself, with normed queries and keys and rotary positions. */
record SelfAttention(Linear qkv, HeadNorm queryNorm, HeadNorm keyNorm, Linear out) {

    /** What backward needs: the input, the projection, the heads and the attended values. */
    record Saved(Tensor xLD, Tensor qkvL3D, Qkv heads, Attention attention) {}

    static SelfAttention add(ParameterLayout layout, String name, int width, int heads) {
        return new SelfAttention(
                Linear.add(layout, name + ".qkv", width, 3 * width),
                HeadNorm.add(layout, name + ".query_norm", width, heads),
                HeadNorm.add(layout, name + ".key_norm", width, heads),
                Linear.add(layout, name + ".out", width, width));
    }

    /** Goes as far as the attended values; {@link #out} takes them from there. */
    Saved forward(Device device, Parameters weights, Tensor xLD, Rotary rotary, Segments segments) {
        Tensor qkvL3D = qkv.forward(device, weights, xLD);
        Qkv heads = device.heads(qkvL3D, rotation(weights, rotary));
        Attention attention = device.attention(heads.qLNK(), heads.kLNK(), heads.vLNK(), segments, segments);
        return new Saved(xLD, qkvL3D, heads, attention);
    }

    Tensor backward(Device device, Gradients to, Tensor dyLD, Saved saved, Rotary rotary, Segments segments) {
        Tensor attendedLNK = saved.attention.outLNK();
        Tensor dAttended = out.backward(device, to, dyLD, device.rowsOf(attendedLNK));
        AttentionGrad grad = device.attentionBackward(
                device.headsOf(dAttended, attendedLNK.dim(2)), saved.heads, saved.attention, segments, segments);
        Tensor dQkv = device.headsBackward(
                grad,
                saved.qkvL3D,
                rotation(to.weights(), rotary),
                to.sums().get(queryNorm.weight()),
                to.sums().get(keyNorm.weight()));
        return qkv.backward(device, to, dQkv, saved.xLD);
    }

    private HeadRotation rotation(Parameters weights, Rotary rotary) {
        return new HeadRotation(
                weights.get(queryNorm.weight()), weights.get(keyNorm.weight()), rotary.cosLP(), rotary.sinLP());
    }
}
