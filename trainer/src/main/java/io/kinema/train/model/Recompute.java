package io.kinema.train.model;

import io.kinema.data.command.ConfigException;

/**
 * What backward computes again instead of remembering it, {@code --recompute} (Chen et al., 1604.06174). Gradients are
 * the same bit for bit.
 */
public enum Recompute {
    /** Nothing: every activation is kept. */
    NONE,
    /** The inside of each block: of a block, only the residual stream that enters it is kept. */
    BLOCKS;

    /**
     * Reads a name.
     *
     * @param name as in {@code --recompute}
     * @return what it stands for
     * @throws ConfigException when there is none of that name
     */
    public static Recompute parse(String name) {
        return switch (name) {
            case "none" -> NONE;
            case "blocks" -> BLOCKS;
            default -> throw new ConfigException("--recompute " + name + " is not known; use none or blocks");
        };
    }
}
