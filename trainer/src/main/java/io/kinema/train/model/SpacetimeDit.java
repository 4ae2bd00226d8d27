package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Init;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The spacetime diffusion transformer over packed clips; docs/numerics.md has its mathematics. It holds shapes, and
 * tables of positions that it fills again for each pass: weights and gradients are {@link Parameters} of its
 * {@link #layout()}. Used by one thread at a time.
 */
public final class SpacetimeDit {
    private static final int FINAL_MODULATIONS = 2;
    private static final String BLOCK = "blocks.";

    private final DitConfig config;
    private final Recompute recompute;
    private final ParameterLayout layout = new ParameterLayout();
    private final Linear patch;
    private final TimeEmbedding time;
    private final CaptionEncoder captions;
    private final List<DitBlock> blocks = new ArrayList<>();
    private final Linear finalModulation;
    private final Linear finalLinear;
    /** The stem, each block, the final layer. */
    private final List<ParameterLayout.Group> groups;

    private final Positions positions = new Positions();

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
        private final Tensor conditionMD;
        private final DitBlock.Conditioning given;
        /** What each block computed, or, where that is computed again, what it took. */
        private final List<DitBlock.Saved> blocks = new ArrayList<>();

        private final List<Tensor> blockInputsLD = new ArrayList<>();

        private Tensor lastLD;
        private Tensor[] modulation;
        private Tensor normedLD;

        private Saved(
                Packing packing,
                Tensor xLP,
                TimeEmbedding.Saved time,
                CaptionEncoder.Saved caption,
                Tensor conditionMD,
                DitBlock.Conditioning given) {
            this.packing = packing;
            this.xLP = xLP;
            this.time = time;
            this.caption = caption;
            this.conditionMD = conditionMD;
            this.given = given;
        }
    }

    /**
     * Lays a model out that keeps all activations for backward.
     *
     * @param config its shape
     */
    public SpacetimeDit(DitConfig config) {
        this(config, Recompute.NONE);
    }

    /**
     * Lays a model out.
     *
     * @param config its shape
     * @param recompute what backward computes again
     */
    public SpacetimeDit(DitConfig config, Recompute recompute) {
        this.config = config;
        this.recompute = recompute;
        int width = config.width();
        layout.begin("stem");
        patch = Linear.add(layout, "patch", config.tokens().values(), width);
        time = TimeEmbedding.add(layout, width);
        captions = new CaptionEncoder(layout, config);
        for (int i = 0; i < config.depth(); i++) {
            layout.begin(BLOCK + i);
            blocks.add(new DitBlock(layout, "blocks." + i, config));
        }
        layout.begin("final");
        finalModulation = Linear.add(layout, "final.modulation", width, FINAL_MODULATIONS * width, Init.ZEROS);
        finalLinear = Linear.add(layout, "final.linear", width, config.tokens().values(), Init.ZEROS);
        groups = layout.groups();
    }

    /** Whether a group is a block: neither stem nor final layer. */
    static boolean isBlock(ParameterLayout.Group group) {
        return group.name().startsWith(BLOCK);
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
     * @param timeM the diffusion time τ of each modulation row, 0 to 1000
     * @return the prediction, noise or velocity [L, P], and what backward needs
     */
    public Forward forward(Device device, Parameters weights, Tensor xLP, Packing packing, double[] timeM) {
        enter(weights, 0, 1);
        TimeEmbedding.Saved timeSaved = time.forward(device, weights, timeM);
        CaptionEncoder.Saved caption = captions.forward(device, weights, packing);
        Tensor conditionMD = timeSaved.yMD();
        device.add(conditionMD, device.embedding(caption.pooledSD(), packing.clipOfModulation()));
        Rotary rotary = positions.ofGrids(device, packing, config.width() / config.heads());
        DitBlock.Conditioning given =
                new DitBlock.Conditioning(device.silu(conditionMD), caption.statesBE(), rotary, packing);
        Saved saved = new Saved(packing, xLP, timeSaved, caption, conditionMD, given);

        Tensor positionsLD = positions.absolute(device, packing, config.width());
        Tensor hLD = patch.forward(device, weights, xLP, positionsLD);
        leave(weights, 0);
        for (int i = 0; i < blocks.size(); i++) {
            enter(weights, i + 1, i + 2);
            hLD = forward(device, weights, blocks.get(i), hLD, saved);
            leave(weights, i + 1);
        }
        int last = groups.size() - 1;
        enter(weights, last, last);
        saved.lastLD = hLD;
        saved.modulation = device.split(finalModulation.forward(device, weights, given.siluMD()), FINAL_MODULATIONS);
        saved.normedLD = device.modulatedLayerNorm(hLD, saved.modulation[0], saved.modulation[1], packing.modulation());
        Tensor outputLP = finalLinear.forward(device, weights, saved.normedLD);
        leave(weights, last);
        return new Forward(outputLP, saved);
    }

    private void enter(Parameters parameters, int group, int next) {
        parameters.enter(groups.get(group), groups.get(next));
    }

    private void leave(Parameters parameters, int group) {
        parameters.leave(groups.get(group));
    }

    private void enterBackward(Gradients to, int group) {
        int next = Math.max(group - 1, 0);
        enter(to.weights(), group, next);
        enter(to.sums(), group, next);
    }

    private void leaveBackward(Gradients to, int group) {
        leave(to.sums(), group);
        leave(to.weights(), group);
    }

    /**
     * Enters and leaves every group in the order of {@link #forward} and {@link #backward} and computes nothing: where
     * passes exchange what they work with between ranks, for a rank that has nothing to compute.
     *
     * @param to weights and sums
     */
    public void visitGroups(Gradients to) {
        int last = groups.size() - 1;
        for (int i = 0; i <= last; i++) {
            enter(to.weights(), i, Math.min(i + 1, last));
            leave(to.weights(), i);
        }
        for (int i = last; i >= 0; i--) {
            enterBackward(to, i);
            leaveBackward(to, i);
        }
    }

    /** Takes the stream through a block, keeping what the block computes or only what comes out of it. */
    private Tensor forward(Device device, Parameters weights, DitBlock block, Tensor hLD, Saved saved) {
        return switch (recompute) {
            case NONE -> {
                DitBlock.Saved of = block.forward(device, weights, hLD, saved.given);
                saved.blocks.add(of);
                yield of.out().outLD();
            }
            case BLOCKS -> {
                saved.blockInputsLD.add(hLD);
                Tensor outLD = device.zeros(hLD.dtype(), hLD.shape());
                try (Device.Scope _ = device.openScope()) {
                    device.copy(
                            outLD,
                            block.forward(device, weights, hLD, saved.given)
                                    .out()
                                    .outLD());
                }
                yield outLD;
            }
        };
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
        int last = groups.size() - 1;
        enterBackward(to, last);
        Tensor dNormed = finalLinear.backward(device, to, dOutputLP, saved.normedLD);
        Tensor dShift = device.zeros(saved.modulation[0].shape());
        Tensor dScale = device.zeros(saved.modulation[1].shape());
        Tensor dh = device.modulatedLayerNormBackward(
                dNormed, saved.lastLD, saved.modulation[1], saved.packing.modulation(), dShift, dScale);
        DitBlock.ConditioningGrad sums = new DitBlock.ConditioningGrad(
                device.zeros(saved.conditionMD.shape()),
                device.zeros(saved.caption.statesBE().shape()));
        device.add(
                sums.dSiluMD(),
                finalModulation.backward(device, to, device.concat(dShift, dScale), saved.given.siluMD()));
        leaveBackward(to, last);
        for (int i = blocks.size() - 1; i >= 0; i--) {
            enterBackward(to, i + 1);
            backward(device, to, i, dh, saved, sums);
            leaveBackward(to, i + 1);
        }
        enterBackward(to, 0);
        patch.backwardParameters(device, to, dh, saved.xLP);

        Tensor dConditionMD = device.siluBackward(sums.dSiluMD(), saved.conditionMD);
        Tensor dPooledSD = device.zeros(saved.caption.pooledSD().shape());
        device.embeddingBackward(dConditionMD, saved.packing.clipOfModulation(), dPooledSD);
        captions.backward(device, to, sums.dCaptionBE(), dPooledSD, saved.caption, saved.packing);
        time.backward(device, to, dConditionMD, saved.time);
        leaveBackward(to, 0);
    }

    /** Turns the gradient of what a block gave, in place, into that of what it took. */
    private void backward(
            Device device, Gradients to, int index, Tensor dhLD, Saved saved, DitBlock.ConditioningGrad sums) {
        DitBlock block = blocks.get(index);
        switch (recompute) {
            case NONE -> block.backward(device, to, dhLD, saved.blocks.get(index), saved.given, sums);
            case BLOCKS -> {
                try (Device.Scope _ = device.openScope()) {
                    DitBlock.Saved again =
                            block.forward(device, to.weights(), saved.blockInputsLD.get(index), saved.given);
                    block.backward(device, to, dhLD, again, saved.given, sums);
                }
            }
        }
    }
}
