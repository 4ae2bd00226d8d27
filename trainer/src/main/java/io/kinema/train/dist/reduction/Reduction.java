package io.kinema.train.dist.reduction;

import io.kinema.data.command.ConfigException;

/**
 * How faithfully gradients are summed.
 *
 * <p>Exact sums follow the fixed tree and have the same bits for every number of ranks. Others are added as they come
 * to hand, always in the same order for one number of ranks, and save the partial sums that the tree asks for.
 *
 * @param isExact whether sums follow the tree
 * @param wire what travels; exact sums travel as they are
 */
public record Reduction(boolean isExact, Wire wire) {
    /** The same bits for every number of ranks. */
    public static final Reduction EXACT = new Reduction(true, Wire.FP32);

    /**
     * Checks that both go together.
     *
     * @throws ConfigException when an exact sum is to be rounded on its way
     */
    public Reduction {
        if (isExact && wire != Wire.FP32) {
            throw new ConfigException("--wire " + wire.flag() + " rounds what ranks send, --reduction exact"
                    + " sums without; use --reduction fast with it, or --wire fp32");
        }
    }

    /**
     * Reads the flags {@code --reduction} and {@code --wire}.
     *
     * @param reduction as given
     * @param wire as given
     * @return what they mean
     * @throws ConfigException when one of them is unknown, or they do not go together
     */
    public static Reduction parse(String reduction, String wire) {
        boolean isExact = switch (reduction) {
            case "exact" -> true;
            case "fast" -> false;
            default -> throw new ConfigException("--reduction " + reduction + " is unknown; use exact or fast");
        };
        return new Reduction(isExact, Wire.parse(wire));
    }

    /**
     * Returns what {@code --reduction} calls it.
     *
     * @return {@code exact} or {@code fast}
     */
    public String flag() {
        return isExact ? "exact" : "fast";
    }
}
