package io.kinema.train.diffusion;

import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.tensor.SegmentWeights;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * How the clips of a microbatch are mixed with noise, as devices take it.
 *
 * @param tauS the time of each clip as the network is told it, 0 to 1000 [S]
 * @param data weights of the clips [S]
 * @param noise weights of the noise [S]
 * @param targetData weights of the clips in the target [S]
 * @param targetNoise weights of the noise in the target [S]
 */
public record Mixtures(
        double[] tauS,
        SegmentWeights data,
        SegmentWeights noise,
        SegmentWeights targetData,
        SegmentWeights targetNoise) {

    /**
     * Puts the clips' mixtures side by side.
     *
     * @param mixtures one a clip
     * @return their numbers
     */
    public static Mixtures of(List<Mixture> mixtures) {
        return new Mixtures(
                each(mixtures, Mixture::tau),
                SegmentWeights.of(each(mixtures, Mixture::data)),
                SegmentWeights.of(each(mixtures, Mixture::noise)),
                SegmentWeights.of(each(mixtures, Mixture::targetData)),
                SegmentWeights.of(each(mixtures, Mixture::targetNoise)));
    }

    private static double[] each(List<Mixture> mixtures, ToDoubleFunction<Mixture> number) {
        return mixtures.stream().mapToDouble(number).toArray();
    }
}
