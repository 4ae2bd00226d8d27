package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Init;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Segments;
import io.kinema.train.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** A small transformer over the bytes of captions, trained with the model. */
final class CaptionEncoder {
    private final int headWidth;
    private final Entry embedding;
    private final List<Block> blocks = new ArrayList<>();
    private final Entry norm;
    private final Linear pool;
    private final Positions positions = new Positions();

    /** One pre-norm transformer block. */
    private record Block(Entry norm1, SelfAttention attention, Entry norm2, Mlp mlp) {}

    private record SavedBlock(Tensor xBE, SelfAttention.Saved attention, Tensor middleBE, Mlp.Saved mlp) {}

    /** The encoded bytes [B, E], the pooled captions [S, D], and what backward needs. */
    record Saved(
            Rotary rotary, List<SavedBlock> blocks, Tensor lastBE, Tensor statesBE, Tensor meanSE, Tensor pooledSD) {}

    CaptionEncoder(ParameterLayout layout, DitConfig config) {
        int width = config.captionWidth();
        headWidth = width / config.captionHeads();
        embedding = layout.add(
                "caption.embedding", Init.EMBEDDING, ParameterAttributes.NOT_DECAYED, CaptionBytes.VOCABULARY, width);
        for (int i = 0; i < config.captionDepth(); i++) {
            String name = "caption.blocks." + i;
            blocks.add(new Block(
                    layout.add(name + ".norm1", Init.ONES, ParameterAttributes.NOT_DECAYED, width),
                    SelfAttention.add(layout, name, width, config.captionHeads()),
                    layout.add(name + ".norm2", Init.ONES, ParameterAttributes.NOT_DECAYED, width),
                    Mlp.add(layout, name + ".mlp", width)));
        }
        norm = layout.add("caption.norm", Init.ONES, ParameterAttributes.NOT_DECAYED, width);
        pool = Linear.add(layout, "caption.pool", width, config.width());
    }

    Saved forward(Device device, Parameters weights, Packing packing) {
        Segments captions = packing.captions();
        Rotary rotary = positions.ofText(device, captions, headWidth);
        Tensor xBE = device.embedding(weights.get(embedding), packing.captionIds());
        List<SavedBlock> saved = new ArrayList<>();
        for (Block block : blocks) {
            SelfAttention.Saved attention = block.attention.forward(
                    device, weights, device.rmsNorm(xBE, weights.get(block.norm1)), rotary, captions);
            Tensor middleBE = block.attention
                    .out()
                    .forward(
                            device, weights, device.rowsOf(attention.attention().outLNK()), xBE);
            Mlp.Saved mlp = block.mlp.forward(device, weights, device.rmsNorm(middleBE, weights.get(block.norm2)));
            saved.add(new SavedBlock(xBE, attention, middleBE, mlp));
            xBE = block.mlp.out().forward(device, weights, mlp.inner().outRO(), middleBE);
        }
        Tensor statesBE = device.rmsNorm(xBE, weights.get(norm));
        Tensor meanSE = device.segmentMean(statesBE, captions);
        return new Saved(rotary, saved, xBE, statesBE, meanSE, pool.forward(device, weights, meanSE));
    }

    void backward(Device device, Gradients to, Tensor dStatesBE, Tensor dPooledSD, Saved saved, Packing packing) {
        Segments captions = packing.captions();
        Tensor dMean = pool.backward(device, to, dPooledSD, saved.meanSE);
        device.add(dStatesBE, device.segmentMeanBackward(dMean, captions));
        Tensor dx = normBackward(device, to, dStatesBE, saved.lastBE, norm);
        for (int i = blocks.size() - 1; i >= 0; i--) {
            Block block = blocks.get(i);
            SavedBlock of = saved.blocks.get(i);
            Tensor dNormed2 = block.mlp.backward(device, to, dx, of.mlp);
            device.add(dx, normBackward(device, to, dNormed2, of.middleBE, block.norm2));
            Tensor dNormed1 = block.attention.backward(device, to, dx, of.attention, saved.rotary, captions);
            device.add(dx, normBackward(device, to, dNormed1, of.xBE, block.norm1));
        }
        device.embeddingBackward(dx, packing.captionIds(), to.sums().get(embedding));
    }

    private static Tensor normBackward(Device device, Gradients to, Tensor dy, Tensor x, Entry weight) {
        return device.rmsNormBackward(dy, x, to.weights().get(weight), to.sums().get(weight));
    }
}
