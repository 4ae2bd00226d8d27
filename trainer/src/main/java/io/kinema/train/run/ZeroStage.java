package io.kinema.train.run;

import io.kinema.data.command.ConfigException;

/**
 * What ranks keep only their shard of (Rajbhandari et al., 1910.02054, section 5). All stages give the same bits where
 * sums are exact.
 */
public enum ZeroStage {
    /** The optimizer's state, master weights and the average. */
    OPTIMIZER,
    /** Gradients too: they are exchanged after each microbatch. */
    GRADIENTS,
    /** The weights too: a pass gathers each group before it works with it. */
    PARAMETERS;

    /**
     * Reads the flag {@code --zero}.
     *
     * @param stage as in the flag
     * @return the stage
     * @throws ConfigException when it is not 1, 2 or 3
     */
    public static ZeroStage parse(int stage) {
        if (stage < 1 || stage > values().length) {
            throw new ConfigException("--zero " + stage
                    + " is not a stage; use 1 (optimizer state), 2 (and gradients) or 3 (and parameters)");
        }
        return values()[stage - 1];
    }

    /**
     * As in the flag.
     *
     * @return 1, 2 or 3
     */
    public int number() {
        return ordinal() + 1;
    }
}
