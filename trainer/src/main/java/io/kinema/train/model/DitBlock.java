package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Init;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Gated;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;

/**
 * A transformer block with adaLN-Zero (Peebles and Xie, 2212.09748, section 3.2) and cross-attention to the caption.
 */
final class DitBlock {
    private static final int MODULATIONS = 6;

    private final Linear modulation;
    private final SelfAttention attention;
    private final CrossAttention cross;
    private final Mlp mlp;

    /** What every block sees besides its tokens: silu(c) [M, D], the encoded captions [B, E] and the layout. */
    record Conditioning(Tensor siluMD, Tensor captionBE, Rotary rotary, Packing packing) {}

    /**
     * Shift, scale and gate of the attention (0 to 2) and of the MLP (3 to 5), each [M, D], and the streams between.
     */
    record Saved(
            Tensor[] modulation,
            Tensor hLD,
            SelfAttention.Saved attention,
            Tensor attendedLD,
            CrossAttention.Saved cross,
            Tensor beforeMlpLD,
            Mlp.Saved mlp,
            Gated out) {}

    /** Gradients of the conditioning, summed over the blocks by adding in place. */
    record ConditioningGrad(Tensor dSiluMD, Tensor dCaptionBE) {}

    DitBlock(ParameterLayout layout, String name, DitConfig config) {
        int width = config.width();
        modulation = Linear.add(layout, name + ".modulation", width, MODULATIONS * width, Init.ZEROS);
        attention = SelfAttention.add(layout, name, width, config.heads());
        cross = CrossAttention.add(layout, name + ".cross", config);
        mlp = Mlp.add(layout, name + ".mlp", width);
    }

    Saved forward(Device device, Parameters weights, Tensor hLD, Conditioning given) {
        Segments tokens = given.packing.tokens();
        Segments rows = given.packing.modulation();
        Tensor[] m = device.split(modulation.forward(device, weights, given.siluMD), MODULATIONS);
        Tensor a = device.modulatedLayerNorm(hLD, m[0], m[1], rows);
        SelfAttention.Saved attended = attention.forward(device, weights, a, given.rotary, tokens);
        Gated beforeCross = attention
                .out()
                .forward(
                        device,
                        weights,
                        device.rowsOf(attended.attention().outLNK()),
                        new Linear.Onto(hLD, m[2], rows));
        CrossAttention.Saved crossed =
                cross.forward(device, weights, beforeCross.outLD(), given.captionBE, given.packing);
        Tensor beforeMlp = cross.out()
                .forward(device, weights, device.rowsOf(crossed.attention().outLNK()), beforeCross.outLD());
        Tensor b = device.modulatedLayerNorm(beforeMlp, m[3], m[4], rows);
        Mlp.Saved inner = mlp.forward(device, weights, b);
        Gated out = mlp.out().forward(device, weights, inner.inner().outRO(), new Linear.Onto(beforeMlp, m[5], rows));
        return new Saved(m, hLD, attended, beforeCross.branchLD(), crossed, beforeMlp, inner, out);
    }

    /** Turns {@code dhLD}, the gradient of what the block gave, in place into the gradient of what it took. */
    void backward(Device device, Gradients to, Tensor dhLD, Saved saved, Conditioning given, ConditioningGrad sums) {
        Segments tokens = given.packing.tokens();
        Segments rows = given.packing.modulation();
        Tensor[] m = saved.modulation;
        Tensor[] dm = new Tensor[MODULATIONS];
        for (int i = 0; i < MODULATIONS; i++) {
            dm[i] = device.zeros(m[i].shape());
        }
        Tensor dInner = device.gatedResidualBackward(dhLD, saved.out.branchLD(), m[5], rows, dm[5]);
        Tensor db = mlp.backward(device, to, dInner, saved.mlp);
        device.add(dhLD, device.modulatedLayerNormBackward(db, saved.beforeMlpLD, m[4], rows, dm[3], dm[4]));

        CrossAttention.InputGrad crossed =
                cross.backward(device, to, dhLD, saved.cross, given.captionBE, given.packing);
        device.add(dhLD, crossed.dxLD());
        device.add(sums.dCaptionBE, crossed.dCaptionBE());

        Tensor dAttended = device.gatedResidualBackward(dhLD, saved.attendedLD, m[2], rows, dm[2]);
        Tensor da = attention.backward(device, to, dAttended, saved.attention, given.rotary, tokens);
        device.add(dhLD, device.modulatedLayerNormBackward(da, saved.hLD, m[1], rows, dm[0], dm[1]));

        device.add(sums.dSiluMD, modulation.backward(device, to, device.concat(dm), given.siluMD));
    }
}
