package io.kinema.train.optim;

/**
 * Dynamic loss scaling (Micikevicius et al., 1710.03740, section 3.2): gradients are computed of the loss times a
 * factor, so that fp16 does not round small ones to 0, and divided by it in fp32. The factor is halved when a gradient
 * overflows, and the step's update left out; it is doubled after many steps without. Rule and constants are those of
 * PyTorch's {@code torch.amp.GradScaler}. All factors are powers of two: short of overflow and underflow they change no
 * bit of a gradient.
 *
 * @param factor that the loss is multiplied by
 * @param goodSteps steps in a row whose gradient was finite since the factor changed last
 */
public record LossScale(double factor, long goodSteps) {
    /**
     * Checks what a checkpoint may have brought.
     *
     * @throws IllegalArgumentException when the factor is not above 0 and finite, or the count below 0
     */
    public LossScale {
        if (!(factor > 0 && factor <= Double.MAX_VALUE) || goodSteps < 0) {
            throw new IllegalArgumentException("a loss scale of " + factor + " after " + goodSteps + " good steps");
        }
    }

    /** For precisions that need none. */
    public static final LossScale NONE = new LossScale(1, 0);

    /** Where scaling begins. */
    public static final LossScale INITIAL = new LossScale(65_536, 0);

    private static final double GROWTH = 2;
    private static final double BACKOFF = 0.5;
    private static final long GROWTH_STEPS = 2000;

    /**
     * Gradients that overflow below this are not too large by the scale's doing: it is the 30th halving of the first
     * factor.
     */
    private static final double LEAST = 0x1p-14;

    /**
     * Returns the scale after a step whose gradient was finite.
     *
     * @return one of another factor when it is time to try a larger one that fp32 holds
     */
    public LossScale afterUpdate() {
        if (goodSteps + 1 < GROWTH_STEPS) {
            return new LossScale(factor, goodSteps + 1);
        }
        double grown = factor * GROWTH;
        return new LossScale(grown <= Float.MAX_VALUE ? grown : factor, 0);
    }

    /**
     * Returns the scale after a step whose gradient was not finite.
     *
     * @return one of a smaller factor
     */
    public LossScale afterOverflow() {
        return new LossScale(factor * BACKOFF, 0);
    }

    /**
     * Returns whether there is no use in going on.
     *
     * @return whether the factor is so small that it cannot be what makes gradients overflow
     */
    public boolean isTooSmall() {
        return factor < LEAST;
    }
}
