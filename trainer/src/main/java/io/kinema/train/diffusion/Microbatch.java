package io.kinema.train.diffusion;

import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.Packing;
import java.util.List;

/**
 * One packed microbatch, ready to train on; all of it is a function of (seed, step, microbatch). Arrays may be the
 * loader's, which fills them again; elements beyond those of the packing's tokens mean nothing.
 *
 * @param clipIds what it is made of, for messages
 * @param packing how the clips lie
 * @param cleanLP the clips' tokens, row-major [L, P]
 * @param noiseLP standard normal noise [L, P]
 * @param weightL the weight of each token in the loss [L]; a token of weight 0 is not trained on
 * @param mixtures the time of each modulation row [M]
 */
public record Microbatch(
        List<String> clipIds,
        Packing packing,
        float[] cleanLP,
        float[] noiseLP,
        float[] weightL,
        List<Mixture> mixtures) {
    /**
     * Counts what the network predicts.
     *
     * @param tokens of the model
     * @return L·P
     */
    public long numValues(ClipTokens tokens) {
        return (long) packing.tokens().total() * tokens.values();
    }
}
