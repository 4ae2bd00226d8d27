package io.kinema.train.optim;

import io.kinema.data.command.ConfigException;

/**
 * The learning rate of each step: a linear warm-up, then constant or half a cosine down to 0 at the last step
 * (Loshchilov and Hutter, 1608.03983, section 3, without restarts).
 *
 * @param peak the rate after warm-up
 * @param warmupSteps how many steps it takes to get there
 * @param totalSteps of the run
 * @param schedule what follows warm-up
 */
public record LearningRate(double peak, long warmupSteps, long totalSteps, Schedule schedule) {

    /** What follows warm-up. */
    public enum Schedule {
        /** The peak, to the end. */
        CONSTANT,
        /** Half a cosine from the peak to 0. */
        COSINE;

        /**
         * Reads the value of {@code --schedule}.
         *
         * @param text {@code constant} or {@code cosine}
         * @return the schedule
         * @throws ConfigException when the text is neither
         */
        public static Schedule parse(String text) {
            return switch (text) {
                case "constant" -> CONSTANT;
                case "cosine" -> COSINE;
                default -> throw new ConfigException("--schedule " + text + " is not known; use constant or cosine");
            };
        }
    }

    /**
     * Returns the rate of a step.
     *
     * @param step from 0
     * @return above 0 up to the last step
     */
    public double at(long step) {
        if (step < warmupSteps) {
            return peak * (step + 1) / warmupSteps;
        }
        return switch (schedule) {
            case CONSTANT -> peak;
            case COSINE -> {
                double progress = (double) (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
                yield peak * 0.5 * (1 + StrictMath.cos(StrictMath.PI * Math.min(1, progress)));
            }
        };
    }
}
