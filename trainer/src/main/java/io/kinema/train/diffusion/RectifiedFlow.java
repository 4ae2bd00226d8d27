package io.kinema.train.diffusion;

import io.kinema.data.command.ConfigException;
import java.util.List;
import org.apache.commons.math3.distribution.NormalDistribution;

/**
 * Rectified flow with logit-normal times (Esser et al., 2403.03206, sections 2 and 3.1); the target is the velocity ε −
 * x_0.
 *
 * @param shift moves times towards noise, {@code t' = shift·t / (1 + (shift − 1)·t)} (there, equation 23), in training
 *     and in sampling alike: the more values a clip has, the more noise it takes to hide what it shows
 */
public record RectifiedFlow(double shift) implements Objective {
    /** The shift where none is asked for: what Esser et al. found best at 1024x1024. */
    public static final double DEFAULT_SHIFT = 3;

    private static final double TAU_OF_ONE = 1000;
    private static final NormalDistribution STANDARD_NORMAL = new NormalDistribution(null, 0, 1);

    /** Checks the shift. */
    public RectifiedFlow {
        if (!(shift >= 1 && shift < TAU_OF_ONE)) {
            throw new ConfigException("--time-shift " + shift + " is out of range; use 1 (none) or more, below 1000");
        }
    }

    /**
     * Mixes at a given time.
     *
     * @param t 0 (the clip) to 1 (noise)
     * @return the weights
     */
    public Mixture at(double t) {
        return new Mixture(TAU_OF_ONE * t, 1 - t, t, -1, 1);
    }

    /**
     * Applies the shift.
     *
     * @param t 0 to 1
     * @return 0 to 1, not less than t where the shift is above 1
     */
    public double shifted(double t) {
        return shift * t / (1 + (shift - 1) * t);
    }

    @Override
    public Prediction prediction() {
        return Prediction.VELOCITY;
    }

    @Override
    public List<SamplingMethod> samplers() {
        return List.of(SamplingMethod.EULER);
    }

    @Override
    public Mixture draw(double uniform, double normal) {
        return at(shifted(1 / (1 + StrictMath.exp(-normal))));
    }

    @Override
    public Mixture quantile(double share) {
        return draw(Double.NaN, STANDARD_NORMAL.inverseCumulativeProbability(share));
    }
}
