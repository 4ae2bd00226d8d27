package io.kinema.train.diffusion;

import java.util.Arrays;
import java.util.List;

/** The discrete process of DDPM (Ho et al., 2006.11239, sections 2 and 3.2); the target is the noise. */
public final class NoisePrediction implements Objective {
    /** The number of times. */
    public static final int TIMES = 1000;

    private static final double FIRST_BETA = 1e-4;
    private static final double LAST_BETA = 0.02;
    private static final double COSINE_OFFSET = 0.008;
    private static final double MAX_BETA = 0.999;

    private final double[] alphaBar;

    private NoisePrediction(double[] betas) {
        alphaBar = new double[TIMES];
        double product = 1;
        for (int t = 0; t < TIMES; t++) {
            product *= 1 - betas[t];
            alphaBar[t] = product;
        }
    }

    /**
     * The linear schedule of Ho et al., section 4.
     *
     * @return the process
     */
    public static NoisePrediction linear() {
        double[] betas = new double[TIMES];
        Arrays.setAll(betas, t -> FIRST_BETA + (LAST_BETA - FIRST_BETA) * t / (TIMES - 1));
        return new NoisePrediction(betas);
    }

    /**
     * The cosine schedule of Nichol and Dhariwal, 2102.09672, section 3.2.
     *
     * @return the process
     */
    public static NoisePrediction cosine() {
        double[] betas = new double[TIMES];
        Arrays.setAll(betas, t -> Math.min(1 - squaredCosine(t + 1) / squaredCosine(t), MAX_BETA));
        return new NoisePrediction(betas);
    }

    private static double squaredCosine(int t) {
        double cosine = StrictMath.cos(((double) t / TIMES + COSINE_OFFSET) / (1 + COSINE_OFFSET) * StrictMath.PI / 2);
        return cosine * cosine;
    }

    /**
     * Returns what is left of the clip's variance.
     *
     * @param t 0 … 999
     * @return ᾱ_t in (0, 1)
     */
    public double alphaBar(int t) {
        return alphaBar[t];
    }

    /**
     * Mixes at a given time.
     *
     * @param t 0 … 999
     * @return the weights
     */
    public Mixture at(int t) {
        return new Mixture(t, Math.sqrt(alphaBar[t]), Math.sqrt(1 - alphaBar[t]), 0, 1);
    }

    @Override
    public Prediction prediction() {
        return Prediction.NOISE;
    }

    @Override
    public List<SamplingMethod> samplers() {
        return List.of(SamplingMethod.DDIM, SamplingMethod.DDPM);
    }

    @Override
    public Mixture draw(double uniform, double normal) {
        return at((int) (uniform * TIMES));
    }

    @Override
    public Mixture quantile(double share) {
        return at((int) (share * TIMES));
    }
}
