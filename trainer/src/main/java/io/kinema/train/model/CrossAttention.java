package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Init;
import io.kinema.train.tensor.Attention;
import io.kinema.train.tensor.AttentionGrad;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Qkv;
import io.kinema.train.tensor.Tensor;

/** Multi-head attention of each clip's tokens over its caption's; its output starts at zero. */
record CrossAttention(Entry norm, Linear query, Linear keyValue, HeadNorm queryNorm, HeadNorm keyNorm, Linear out) {

    /**
     * What backward needs: inputs before and after the norm, queries and keys before theirs, and the attended values.
     */
    record Saved(Tensor xLD, Tensor normedLD, Tensor qLNK, Tensor kBNK, Qkv qkv, Attention attention) {}

    /** The gradients of both inputs. */
    record InputGrad(Tensor dxLD, Tensor dCaptionBE) {}

    static CrossAttention add(ParameterLayout layout, String name, DitConfig config) {
        int width = config.width();
        return new CrossAttention(
                layout.add(name + ".norm", Init.ONES, ParameterAttributes.NOT_DECAYED, width),
                Linear.add(layout, name + ".query", width, width),
                Linear.add(layout, name + ".key_value", config.captionWidth(), 2 * width),
                HeadNorm.add(layout, name + ".query_norm", width, config.heads()),
                HeadNorm.add(layout, name + ".key_norm", width, config.heads()),
                Linear.add(layout, name + ".out", width, width, Init.ZEROS));
    }

    /** Goes as far as the attended values; {@link #out} takes them from there. */
    Saved forward(Device device, Parameters weights, Tensor xLD, Tensor captionBE, Packing packing) {
        int headWidth = weights.get(queryNorm.weight()).dim(0);
        Tensor normedLD = device.rmsNorm(xLD, weights.get(norm));
        Tensor qLNK = device.headsOf(query.forward(device, weights, normedLD), headWidth);
        Tensor[] parts = device.split(keyValue.forward(device, weights, captionBE), 2);
        Tensor kBNK = device.headsOf(parts[0], headWidth);
        Qkv qkv = new Qkv(
                queryNorm.forward(device, weights, qLNK),
                keyNorm.forward(device, weights, kBNK),
                device.headsOf(parts[1], headWidth));
        Attention attention =
                device.attention(qkv.qLNK(), qkv.kLNK(), qkv.vLNK(), packing.tokens(), packing.captions());
        return new Saved(xLD, normedLD, qLNK, kBNK, qkv, attention);
    }

    InputGrad backward(Device device, Gradients to, Tensor dyLD, Saved saved, Tensor captionBE, Packing packing) {
        Tensor attendedLNK = saved.attention.outLNK();
        Tensor dAttended = out.backward(device, to, dyLD, device.rowsOf(attendedLNK));
        AttentionGrad grad = device.attentionBackward(
                device.headsOf(dAttended, attendedLNK.dim(2)),
                saved.qkv,
                saved.attention,
                packing.tokens(),
                packing.captions());
        Tensor dq = queryNorm.backward(device, to, grad.dqLNK(), saved.qLNK);
        Tensor dNormed = query.backward(device, to, device.rowsOf(dq), saved.normedLD);
        Tensor dk = keyNorm.backward(device, to, grad.dkLNK(), saved.kBNK);
        Tensor dKeyValue = device.concat(device.rowsOf(dk), device.rowsOf(grad.dvLNK()));
        Tensor dCaption = keyValue.backward(device, to, dKeyValue, captionBE);
        return new InputGrad(
                device.rmsNormBackward(
                        dNormed, saved.xLD, to.weights().get(norm), to.sums().get(norm)),
                dCaption);
    }
}
