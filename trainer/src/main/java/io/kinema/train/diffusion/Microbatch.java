package io.kinema.train.diffusion;

import io.kinema.data.clip.Patch;
import io.kinema.train.model.Packing;
import io.kinema.train.model.Patches;
import io.kinema.train.tensor.UploadBuffer;
import java.util.List;

/**
 * One packed microbatch, ready to train on. Its content follows from the seed, the step, its number, and the recipe and
 * data set of the run. Buffers may be the loader's, which fills them again when the device has copied them.
 *
 * @param clipIds what it is made of, for messages
 * @param packing how the clips lie
 * @param cleanLP the clips' patches, row-major [L, P]; what the buffer holds beyond them is not meant
 * @param noiseLP standard normal noise [L, P], likewise
 * @param mixtures how each clip and its noise are mixed
 */
public record Microbatch(
        List<String> clipIds, Packing packing, UploadBuffer cleanLP, UploadBuffer noiseLP, Mixtures mixtures) {
    /**
     * Counts what the network predicts.
     *
     * @param patch of the model
     * @return L·P
     */
    public long numValues(Patch patch) {
        return (long) packing.tokens().total() * Patches.values(patch);
    }
}
