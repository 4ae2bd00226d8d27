package io.kinema.train.diffusion;

import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.tensor.SegmentWeights;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * How the modulation rows of a microbatch are mixed with noise, as devices take it.
 *
 * @param tauM the time of each modulation row as the network is told it, 0 to 1000 [M]
 * @param data weights of the clips [M]
 * @param noise weights of the noise [M]
 * @param targetData weights of the clips in the target [M]
 * @param targetNoise weights of the noise in the target [M]
 */
public record Mixtures(
        double[] tauM,
        SegmentWeights data,
        SegmentWeights noise,
        SegmentWeights targetData,
        SegmentWeights targetNoise) {

    /**
     * Puts mixtures side by side.
     *
     * @param mixtures one a modulation row
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
