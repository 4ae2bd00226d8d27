package io.kinema.train.dist.process;

import java.util.Arrays;
import java.util.Optional;

/**
 * What the processes of a training exit with: the meaning of each code, who sets it and who acts on it. The table in
 * {@code docs/failures.md} is made from these constants.
 */
public enum ExitCode {
    /** See {@link #meaning}. */
    SUCCESS(0, "the work is done, or a rank was told to stop and wrote a checkpoint", "every process", "nobody", false),
    /** See {@link #meaning}. */
    FAILED(1, "any other error, such as a full disk or a damaged shard", "every process", "launcher", true),
    /** See {@link #meaning}. */
    MISTAKE(2, "a mistake in flags, paths or data; nothing was changed", "every process", "the user", false),
    /** See {@link #meaning}. */
    PEER_LOST(75, "another rank, or the rendezvous, was lost", "rank", "launcher, which blames the other", true),
    /** See {@link #meaning}. */
    LAUNCHER_LOST(76, "the launcher, or the host's process, is gone", "rank", "nobody: you, by @RUN/run.args", false),
    /** See {@link #meaning}. */
    COLLECTIVE_TIMEOUT(77, "waited too long, or met no one", "rank", "launcher, which looks for the hang", true),
    /** See {@link #meaning}. */
    TRAINING_FAILED(78, "not finite, or spikes go on: a restart would end the same", "rank", "the user", false),
    /** See {@link #meaning}. */
    HOST_LOST(79, "the rank's host was lost, or did not join", "launcher, for the rank", "launcher", true),
    /** See {@link #meaning}. */
    RESTORE_FAILED(80, "a checkpoint could not be restored", "rank", "launcher, which takes the one before", true),
    /** See {@link #meaning}. */
    NO_ROOM(81, "the disk stayed full: a restart would end the same", "rank", "the user", false),
    /** See {@link #meaning}. */
    HANGUP(129, "SIGHUP: launcher, when ranks have saved; rank, before it began", "launcher, rank", "the user", false),
    /** See {@link #meaning}. */
    INTERRUPT(130, "SIGINT (Ctrl-C): likewise", "launcher, rank", "the user", false),
    /** See {@link #meaning}. */
    TERMINATE(143, "SIGTERM: likewise", "launcher, rank", "the user", false);

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
