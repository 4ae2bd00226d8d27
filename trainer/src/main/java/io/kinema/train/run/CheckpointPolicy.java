package io.kinema.train.run;

import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.checkpoint.Retention;

/**
 * When checkpoints are written, which of them are kept, and which one the run begins with.
 *
 * @param every steps between checkpoints; 0 for one at the end only
 * @param isAsync whether training goes on while one is written
 * @param retention which are kept
 * @param resume {@link #RESUME_AUTO}, {@link #RESUME_NEVER}, or a checkpoint's path
 */
public record CheckpointPolicy(long every, boolean isAsync, Retention retention, String resume) {
    /** Begins with the newest valid checkpoint of the run folder. */
    public static final String RESUME_AUTO = "auto";

    /** Refuses a run folder that has checkpoints. */
    public static final String RESUME_NEVER = "never";

    /**
     * Checks the numbers, and that both intervals go together.
     *
     * @throws ConfigException when they do not
     */
    public CheckpointPolicy {
        CommandLine.requireRange("--checkpoint-every", every, 0, 1e12);
        CommandLine.requireRange("--keep-last", retention.keepLast(), 0, 1e9);
        CommandLine.requireRange("--keep-every", retention.keepEvery(), 0, 1e12);
        if (retention.keepEvery() > 0 && every > 0 && retention.keepEvery() % every != 0) {
            throw new ConfigException("--keep-every " + retention.keepEvery()
                    + " is not a multiple of --checkpoint-every " + every
                    + ", so most such steps have no checkpoint; change one of them");
        }
    }
}
