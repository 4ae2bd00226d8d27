package io.kinema.train.launch;

import io.kinema.train.dist.process.ExitCode;
import io.kinema.train.dist.process.RunOutcome;
import io.kinema.train.run.RestartPolicy;
import java.util.Optional;

/**
 * How often a run is started again after failures, and on how many ranks.
 *
 * <p>Restarts are counted in a row: a run that has come to a checkpoint beyond all before it counts anew, so that one
 * which fails always at the same place ends. When as many as are allowed have not helped, it goes on with one rank
 * fewer, which counts anew too.
 */
public final class Restarts {
    private final RestartPolicy policy;
    private int numRanks;
    private int made;
    private long furthestStep;

    /**
     * Begins to count.
     *
     * @param policy of the run
     * @param numRanks that it starts with
     * @param firstStep the step that it starts from
     */
    public Restarts(RestartPolicy policy, int numRanks, long firstStep) {
        this.policy = policy;
        this.numRanks = numRanks;
        furthestStep = firstStep;
    }

    /**
     * Whether the same again could end otherwise, and is asked for.
     *
     * @param outcome how the ranks ended
     * @return false after the end of all steps, a mistake, or a signal
     */
    public boolean mayHelp(RunOutcome outcome) {
        boolean isWanted = policy.maxRestarts() > 0 || policy.minRanks() < numRanks;
        return isWanted
                && switch (outcome) {
                    case RunOutcome.Finished _, RunOutcome.Stopped _ -> false;
                    case RunOutcome.Failed failed -> failed.signal().isEmpty() && isRestarted(failed.code());
                    case RunOutcome.Hung _, RunOutcome.HostMissing _ -> true;
                };
    }

    /** A code that Kinema does not set, such as 137 after SIGKILL, is worth another try. */
    private static boolean isRestarted(int code) {
        return ExitCode.of(code).map(ExitCode::isRestarted).orElse(true);
    }

    /**
     * How many ranks the next start has.
     *
     * @return at least 1
     */
    public int numRanks() {
        return numRanks;
    }

    /**
     * Decides after a failure.
     *
     * @param step of the newest valid checkpoint
     * @return which restart this is, in words; empty when it is time to give up
     */
    public Optional<String> next(long step) {
        if (step > furthestStep) {
            furthestStep = step;
            made = 0;
        }
        if (made < policy.maxRestarts()) {
            made++;
            return Optional.of("restart " + made + " of " + policy.maxRestarts());
        }
        if (numRanks > policy.minRanks()) {
            made = 0;
            numRanks--;
            return Optional.of("going on with " + numRanks + " of " + (numRanks + 1) + " ranks after "
                    + times(policy.maxRestarts()) + " without a new checkpoint (--min-nodes " + policy.minRanks()
                    + ")");
        }
        return Optional.empty();
    }

    /**
     * What was tried before giving up; empty where nothing was.
     *
     * @return a phrase
     */
    public String tried() {
        return made == 0 ? "" : "gave up after " + times(made) + " without a new checkpoint; ";
    }

    private static String times(int restarts) {
        return restarts + (restarts == 1 ? " restart" : " restarts");
    }
}
