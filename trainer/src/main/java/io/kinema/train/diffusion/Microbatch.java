package io.kinema.train.diffusion;

import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.Packing;
import io.kinema.train.tensor.UploadBuffer;
import java.util.List;

/**
 * One packed microbatch, ready to train on. Its content follows from the seed, the step, its number, and the recipe and
 * data set of the run. Buffers may be the loader's, which fills them again when the device has copied them; elements
 * beyond those of the packing's tokens mean nothing.
 *
 * @param clipIds what it is made of, for messages
 * @param packing how the clips lie
 * @param cleanLP the clips' tokens, row-major [L, P]
 * @param noiseLP standard normal noise [L, P]
 * @param weightL the weight of each token in the loss [L]; a token of weight 0 is not trained on
 * @param mixtures how each modulation row and its noise are mixed [M]
 */
public record Microbatch(
        List<String> clipIds,
        Packing packing,
        UploadBuffer cleanLP,
        UploadBuffer noiseLP,
        UploadBuffer weightL,
        Mixtures mixtures) {
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
