package io.kinema.train.diffusion;

import io.kinema.train.diffusion.Diffusion.Mixture;
import io.kinema.train.model.Packing;
import java.util.List;

/**
 * One packed microbatch, ready to train on; all of it is a function of (seed, step, microbatch).
 *
 * @param clipIds what it is made of, for messages
 * @param packing how the clips lie
 * @param cleanLP the clips' patches, row-major [L, P]; what the array holds beyond them is not meant
 * @param noiseLP standard normal noise [L, P], likewise
 * @param mixtures the time of each clip
 */
public record Microbatch(
        List<String> clipIds, Packing packing, float[] cleanLP, float[] noiseLP, List<Mixture> mixtures) {}
