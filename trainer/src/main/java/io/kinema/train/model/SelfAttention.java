package io.kinema.train.model;

import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;

/** Multi-head attention of a sequence over itself, with normed queries and keys and rotary positions. */
record SelfAttention(Linear qkv, HeadNorm queryNorm, HeadNorm keyNorm, Linear out) {

    /** What backward needs: the input, queries and keys before norm and after rotation, and the attended values. */
    record Saved(Tensor xLD, Tensor qLNK, Tensor kLNK, Qkv turned, Attention attention, Tensor yLD) {}

    static SelfAttention add(ParameterLayout layout, String name, int width, int heads) {
        return new SelfAttention(
                Linear.add(layout, name + ".qkv", width, 3 * width),
                HeadNorm.add(layout, name + ".query_norm", width, heads),
                HeadNorm.add(layout, name + ".key_norm", width, heads),
                Linear.add(layout, name + ".out", width, width));
    }

    Saved forward(Device device, ParameterSet weights, Tensor xLD, Rotary rotary, Segments segments) {
        Tensor[] parts = device.split(qkv.forward(device, weights, xLD), 3);
        Tensor qLNK = queryNorm.heads(device, parts[0]);
        Tensor kLNK = keyNorm.heads(device, parts[1]);
        Qkv turned = new Qkv(
                rotary.turn(device, queryNorm.forward(device, weights, qLNK)),
                rotary.turn(device, keyNorm.forward(device, weights, kLNK)),
                queryNorm.heads(device, parts[2]));
        Attention attention = device.attention(turned.qLNK(), turned.kLNK(), turned.vLNK(), segments, segments);
        Tensor yLD = out.forward(device, weights, rows(device, attention.outLNK()));
        return new Saved(xLD, qLNK, kLNK, turned, attention, yLD);
    }

    Tensor backward(Device device, Gradients to, Tensor dyLD, Saved saved, Rotary rotary, Segments segments) {
        Tensor dAttended = out.backward(device, to, dyLD, rows(device, saved.attention.outLNK()));
        AttentionGrad grad = device.attentionBackward(
                queryNorm.heads(device, dAttended), saved.turned, saved.attention, segments, segments);
        Tensor dq = queryNorm.backward(device, to, rotary.turnBack(device, grad.dqLNK()), saved.qLNK);
        Tensor dk = keyNorm.backward(device, to, rotary.turnBack(device, grad.dkLNK()), saved.kLNK);
        Tensor dQkv = device.concat(rows(device, dq), rows(device, dk), rows(device, grad.dvLNK()));
        return qkv.backward(device, to, dQkv, saved.xLD);
    }

    /** Lays heads side by side: [L, N, K] seen as [L, D]. */
    static Tensor rows(Device device, Tensor xLNK) {
        return device.view(xLNK, 0, xLNK.dim(0), xLNK.dim(1) * xLNK.dim(2));
    }
}
