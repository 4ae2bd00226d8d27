package io.kinema.train.launch;

import io.kinema.train.dist.process.RunOutcome;
import java.io.IOException;
import java.time.Duration;

/** How a run's ranks are started, once and again. */
public sealed interface Launch extends AutoCloseable permits LocalLaunch, ClusterLaunch {
    /** Ranks finish a step and write a checkpoint before they stop; a second signal ends them at once. */
    Duration STOP_LIMIT = Duration.ofHours(1);

    /**
     * Starts the ranks and waits until all have ended.
     *
     * @param numRanks how many
     * @param resumeFrom the checkpoint to begin with, an absolute path; empty for none
     * @return how they ended
     * @throws IOException when a file or a connection fails
     * @throws InterruptedException when this thread is told to end
     */
    RunOutcome run(int numRanks, String resumeFrom) throws IOException, InterruptedException;

    /**
     * Says what the launcher will exit with, for all who take part to exit with the same.
     *
     * @param exitCode what the launcher exits with
     */
    void finish(int exitCode);

    @Override
    void close() throws IOException;
}
