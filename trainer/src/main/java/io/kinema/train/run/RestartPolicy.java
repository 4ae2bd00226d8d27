package io.kinema.train.run;

import io.kinema.data.command.CommandLine;

/**
 * What happens after a failure.
 *
 * @param maxRestarts how often in a row all ranks are started again
 * @param minRanks with how few ranks the run may go on, at least 1
 */
public record RestartPolicy(int maxRestarts, int minRanks) {
    /**
     * Checks the number of restarts; {@link RunSettings} knows how many ranks there are.
     *
     * @throws io.kinema.data.command.ConfigException when it is out of range
     */
    public RestartPolicy {
        CommandLine.requireRange("--max-restarts", maxRestarts, 0, 1000);
    }
}
