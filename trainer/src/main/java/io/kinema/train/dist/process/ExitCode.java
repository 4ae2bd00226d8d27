package io.kinema.train.dist.process;

import java.util.Arrays;
import java.util.Optional;

/**
 * What the processes of a training exit with: the meaning of each code, who sets it and who acts on it. The table in
 * {@code docs/failures.md} is made from these constants.
 */
public enum ExitCode {
    /** See {@link #meaning}. */
    SUCCESS(0, "the process did what it was asked", "every process", "nobody", false),
    /** See {@link #meaning}. */
    FAILED(1, "an error of any other kind, such as a full disk or a damaged shard", "every process", "launcher", true),
    /** See {@link #meaning}. */
    MISTAKE(2, "a mistake in flags, paths or data; nothing was changed", "every process", "the user", false),
    /** See {@link #meaning}. */
    PEER_LOST(
            75,
            "another rank, or the launcher's rendezvous, went away",
            "rank",
            "launcher, which blames the other rank",
            true),
    /** See {@link #meaning}. */
    LAUNCHER_LOST(
            76, "the rank's launcher died, so the rank ended itself", "rank", "nobody: start the command again", false),
    /** See {@link #meaning}. */
    COLLECTIVE_TIMEOUT(
            77,
            "a rank waited longer than --timeout-seconds for another",
            "rank",
            "launcher, which looks for the rank that hangs",
            true),
    /** See {@link #meaning}. */
    TRAINING_FAILED(
            78,
            "training cannot go on: the loss is not finite, say; a restart would end the same",
            "rank",
            "the user",
            false),
    /** See {@link #meaning}. */
    HOST_LOST(79, "the launcher lost the connection to the rank's host", "launcher, for the rank", "launcher", true),
    /** See {@link #meaning}. */
    HANGUP(129, "stopped by SIGHUP; a checkpoint was written", "launcher", "the user", false),
    /** See {@link #meaning}. */
    INTERRUPT(130, "stopped by SIGINT (Ctrl-C); a checkpoint was written", "launcher", "the user", false),
    /** See {@link #meaning}. */
    TERMINATE(143, "stopped by SIGTERM; a checkpoint was written", "launcher", "the user", false);

    private final int number;
    private final String meaning;
    private final String setBy;
    private final String actedOnBy;
    private final boolean isRestarted;

    ExitCode(int number, String meaning, String setBy, String actedOnBy, boolean isRestarted) {
        this.number = number;
        this.meaning = meaning;
        this.setBy = setBy;
        this.actedOnBy = actedOnBy;
        this.isRestarted = isRestarted;
    }

    /**
     * Finds the meaning of a process's exit code.
     *
     * @param number of a process that has ended
     * @return empty for a code that Kinema does not set, such as 137 after SIGKILL
     */
    public static Optional<ExitCode> of(int number) {
        return Arrays.stream(values()).filter(code -> code.number == number).findFirst();
    }

    /**
     * Returns the code itself.
     *
     * @return 0 to 255
     */
    public int number() {
        return number;
    }

    /**
     * Returns why a process exits with this code.
     *
     * @return a phrase
     */
    public String meaning() {
        return meaning;
    }

    /**
     * Returns which process sets the code.
     *
     * @return a phrase
     */
    public String setBy() {
        return setBy;
    }

    /**
     * Returns who acts on the code.
     *
     * @return a phrase
     */
    public String actedOnBy() {
        return actedOnBy;
    }

    /**
     * Returns whether the launcher starts all ranks again after a rank has ended with this code.
     *
     * @return false where the same would happen again, or where somebody asked for the end
     */
    public boolean isRestarted() {
        return isRestarted;
    }
}
