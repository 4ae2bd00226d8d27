package io.kinema.train.diffusion;

/** Rectified flow with logit-normal times (Esser et al., 2403.03206, sections 2 and 3.1); the target is the velocity ε − x_0. */
public record RectifiedFlow() implements Diffusion {
    private static final double TAU_OF_ONE = 1000;

    /**
     * Mixes at a given time.
     *
     * @param t 0 (the clip) to 1 (noise)
     * @return the weights
     */
    public Mixture at(double t) {
        return new Mixture(TAU_OF_ONE * t, 1 - t, t, -1, 1);
    }

    @Override
    public Mixture draw(double uniform, double normal) {
        return at(1 / (1 + StrictMath.exp(-normal)));
    }
}
