package io.kinema.train.optim;

import java.util.Locale;
import java.util.Optional;

/**
 * Finds steps whose loss or gradient norm lies far above where it has been lately. Such a step is left out; when
 * {@link #MOST_IN_ROW} in a row are, the weights are what is wrong, and training goes back to a checkpoint from before.
 * Chowdhery et al. (PaLM, 2204.02311, section 5.1) did so by hand: they went back some 100 steps and left out the
 * batches of the steps between, which as good as always helped, as neither the weights nor the data alone cause a
 * spike.
 *
 * <p>Where a value has been lately is its mean and its variance over the steps that were not left out, each weighted
 * {@code 1 − 1/}{@link #WINDOW} times the one after it. Values that overflow in fp16 are not judged here.
 *
 * @param steps how many steps were not left out; the first {@link #FIRST_JUDGED} are not judged
 * @param loss where the loss has been
 * @param gradNorm where the norm of the gradient has been
 * @param inRow how many steps were left out since the last that was not
 * @param checkpoint the step of the checkpoint to go back to; 0 where there is none
 * @param returns how often training has gone back to it
 */
public record Spikes(long steps, Level loss, Level gradNorm, int inRow, long checkpoint, int returns) {
    /** Steps over which the weight of a value falls to about a third. */
    public static final int WINDOW = 100;

    /** How many steps it takes to know what is usual. */
    public static final int FIRST_JUDGED = 50;

    /** So many in a row are not the data's doing. */
    public static final int MOST_IN_ROW = 3;

    /** What helps, helps sooner. */
    public static final int MOST_RETURNS = 3;

    /** Before the first step, and for good where nobody looks for spikes. */
    public static final Spikes NONE = new Spikes(0, Level.NONE, Level.NONE, 0, 0, 0);

    /**
     * Where a value has been lately.
     *
     * @param mean weighted
     * @param variance weighted alike
     */
    public record Level(double mean, double variance) {
        static final Level NONE = new Level(0, 0);

        /** With one more value, whose weight among all is {@code gain} (West, 1979, of weighted values). */
        private Level with(double value, double gain) {
            double away = value - mean;
            return new Level(mean + gain * away, (1 - gain) * (variance + gain * away * away));
        }

        private Optional<String> judge(String name, double value, double sigma) {
            double deviation = Math.sqrt(variance);
            return value > mean + sigma * deviation
                    ? Optional.of(String.format(
                            Locale.ROOT,
                            "%s %.4g is %.1f deviations above its mean %.4g",
                            name,
                            value,
                            (value - mean) / deviation,
                            mean))
                    : Optional.empty();
        }
    }

    /**
     * Judges a step.
     *
     * @param sigma how many deviations above the mean are too many
     * @param lossNow of the step, finite
     * @param gradNormNow of the step, finite
     * @return why it is to be left out; empty where it is not
     */
    public Optional<String> judge(double sigma, double lossNow, double gradNormNow) {
        return steps < FIRST_JUDGED
                ? Optional.empty()
                : loss.judge("loss", lossNow, sigma).or(() -> gradNorm.judge("gradient norm", gradNormNow, sigma));
    }

    /**
     * Takes in a step that was not left out.
     *
     * @param lossNow of the step, finite
     * @param gradNormNow of the step, finite
     * @return what is known after it
     */
    public Spikes afterUpdate(double lossNow, double gradNormNow) {
        double decay = 1 - 1.0 / WINDOW;
        // The weights of so many values add up to 1: no value from before the first counts.
        double gain = (1 - decay) / (1 - Math.pow(decay, steps + 1));
        return new Spikes(
                steps + 1, loss.with(lossNow, gain), gradNorm.with(gradNormNow, gain), 0, checkpoint, returns);
    }

    /**
     * Takes in a step that was left out.
     *
     * @return what is known after it
     */
    public Spikes afterSkip() {
        return new Spikes(steps, loss, gradNorm, inRow + 1, checkpoint, returns);
    }

    /**
     * Takes in that a checkpoint of the run's schedule is written. One in a row of spikes has weights that may be their
     * cause, so nothing goes back to it.
     *
     * @param step of the checkpoint
     * @return what is known after it
     */
    public Spikes atCheckpoint(long step) {
        return inRow > 0 ? this : new Spikes(steps, loss, gradNorm, 0, step, 0);
    }

    /**
     * Returns whether it is time to go back.
     *
     * @return whether the weights are what is wrong
     */
    public boolean mustReturn() {
        return inRow >= MOST_IN_ROW;
    }

    /**
     * Returns whether going back may help.
     *
     * @return whether there is a checkpoint to which training has not gone back too often
     */
    public boolean canReturn() {
        return checkpoint > 0 && returns < MOST_RETURNS;
    }

    /**
     * Takes in that training has gone back to the checkpoint.
     *
     * @param then what was known when it was written
     * @return what is known after it
     */
    public Spikes afterReturn(Spikes then) {
        return new Spikes(then.steps, then.loss, then.gradNorm, 0, checkpoint, returns + 1);
    }

    /**
     * Forgets the checkpoint, which another run wrote.
     *
     * @return the rest
     */
    public Spikes inAnotherRun() {
        return new Spikes(steps, loss, gradNorm, inRow, 0, 0);
    }
}
