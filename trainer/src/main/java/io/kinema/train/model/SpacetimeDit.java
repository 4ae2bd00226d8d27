package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Init;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The spacetime diffusion transformer over packed clips; docs/numerics.md has its mathematics. It holds the shapes only: weights and gradients
 * are {@link ParameterSet}s of its {@link #layout()}.
 */
public final class SpacetimeDit {
    private static final int FINAL_MODULATIONS = 2;

    private final DitConfig config;
    private final ParameterLayout layout = new ParameterLayout();
    private final Linear patch;
    private final TimeEmbedding time;
    private final CaptionEncoder captions;
    private final List<DitBlock> blocks = new ArrayList<>();
    private final Linear finalModulation;
    private final Linear finalLinear;

    /**
     * What a forward pass leaves behind: its result, and what backward needs.
     *
     * @param outputLP the prediction [L, P]
     * @param saved activations
     */
    public record Forward(Tensor outputLP, Saved saved) {}

    /** The activations of a forward pass, opaque to others. */
    public static final class Saved {
        private final Packing packing;
        private final Tensor xLP;
        private final TimeEmbedding.Saved time;
        private final CaptionEncoder.Saved caption;
        private final Tensor conditionSD;
        private final DitBlock.Conditioning given;
        private final List<DitBlock.Saved> blocks = new ArrayList<>();
        private Tensor lastLD;
        private Tensor[] modulation;
        private Tensor normedLD;

        private Saved(
                Packing packing,
                Tensor xLP,
                TimeEmbedding.Saved time,
                CaptionEncoder.Saved caption,
                Tensor conditionSD,
                DitBlock.Conditioning given) {
            this.packing = packing;
            this.xLP = xLP;
            this.time = time;
            this.caption = caption;
            this.conditionSD = conditionSD;
            this.given = given;
        }
    }

    /**
     * Lays a model out.
     *
     * @param config its shape
     */
    public SpacetimeDit(DitConfig config) {
        this.config = config;
        int width = config.width();
        patch = Linear.add(layout, "patch", Patches.values(config.patch()), width);
        time = TimeEmbedding.add(layout, width);
        captions = new CaptionEncoder(layout, config);
        for (int i = 0; i < config.depth(); i++) {
            blocks.add(new DitBlock(layout, "blocks." + i, config));
        }
        finalModulation = Linear.add(layout, "final.modulation", width, FINAL_MODULATIONS * width, Init.ZEROS);
        finalLinear = Linear.add(layout, "final.linear", width, Patches.values(config.patch()), Init.ZEROS);
    }

    /**
     * Returns the shape of the model.
     *
     * @return the config
     */
    public DitConfig config() {
        return config;
    }

    /**
     * Returns where the parameters stand.
     *
     * @return the layout
     */
    public ParameterLayout layout() {
        return layout;
    }

    /**
     * Predicts.
     *
     * @param device where; the activations belong to its innermost scope
     * @param weights the parameters
     * @param xLP noised patches [L, P]
     * @param packing how the clips lie
     * @param timeS the diffusion time τ of each clip, 0 to 1000
     * @return the prediction, noise or velocity [L, P], and what backward needs
     */
    public Forward forward(Device device, ParameterSet weights, Tensor xLP, Packing packing, double[] timeS) {
        TimeEmbedding.Saved timeSaved = time.forward(device, weights, timeS);
        CaptionEncoder.Saved caption = captions.forward(device, weights, packing);
        Tensor conditionSD = timeSaved.ySD();
        device.add(conditionSD, caption.pooledSD());
        Rotary rotary = Rotary.ofGrids(device, packing.grids(), config.width() / config.heads());
        DitBlock.Conditioning given =
                new DitBlock.Conditioning(device.silu(conditionSD), caption.statesBE(), rotary, packing);
        Saved saved = new Saved(packing, xLP, timeSaved, caption, conditionSD, given);

        Tensor positionsLD =
                Rotary.ofGrids(device, packing.grids(), config.width()).sideBySide(device);
        Tensor hLD = patch.forward(device, weights, xLP, positionsLD);
        for (DitBlock block : blocks) {
            DitBlock.Saved of = block.forward(device, weights, hLD, given);
            saved.blocks.add(of);
            hLD = of.out().outLD();
        }
        saved.lastLD = hLD;
        saved.modulation = device.split(finalModulation.forward(device, weights, given.siluSD()), FINAL_MODULATIONS);
        saved.normedLD = device.modulatedLayerNorm(hLD, saved.modulation[0], saved.modulation[1], packing.tokens());
        return new Forward(finalLinear.forward(device, weights, saved.normedLD), saved);
    }

    /**
     * Adds the gradients of the parameters, last layer first.
     *
     * @param device the forward pass's
     * @param to weights and the sums to add to
     * @param dOutputLP gradient of the prediction [L, P]
     * @param saved what {@link #forward} left, used up
     */
    public void backward(Device device, Gradients to, Tensor dOutputLP, Saved saved) {
        Tensor dNormed = finalLinear.backward(device, to, dOutputLP, saved.normedLD);
        Tensor dShift = device.zeros(saved.modulation[0].shape());
        Tensor dScale = device.zeros(saved.modulation[1].shape());
        Tensor dh = device.modulatedLayerNormBackward(
                dNormed, saved.lastLD, saved.modulation[1], saved.packing.tokens(), dShift, dScale);
        Tensor dSilu = finalModulation.backward(device, to, device.concat(dShift, dScale), saved.given.siluSD());

        DitBlock.ConditioningGrad sums = new DitBlock.ConditioningGrad(
                dSilu, device.zeros(saved.caption.statesBE().shape()));
        for (int i = blocks.size() - 1; i >= 0; i--) {
            dh = blocks.get(i).backward(device, to, dh, saved.blocks.get(i), saved.given, sums);
        }
        patch.backwardParameters(device, to, dh, saved.xLP);

        Tensor dCondition = device.siluBackward(sums.dSiluSD(), saved.conditionSD);
        captions.backward(device, to, sums.dCaptionBE(), dCondition, saved.caption, saved.packing);
        time.backward(device, to, dCondition, saved.time);
    }
}
