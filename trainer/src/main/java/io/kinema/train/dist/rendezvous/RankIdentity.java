package io.kinema.train.dist.rendezvous;

import io.kinema.data.command.ConfigException;

/**
 * Who a process says it is when it joins a run.
 *
 * @param rank 0 to worldSize − 1
 * @param worldSize number of ranks, at least 1
 * @param runId the run; processes of another run are turned away
 * @param configDigest digest of everything that must be equal on all ranks
 */
public record RankIdentity(int rank, int worldSize, String runId, String configDigest) {
    /**
     * Checks the rank.
     *
     * @throws ConfigException when the rank is not one of the world's
     */
    public RankIdentity {
        if (worldSize < 1 || rank < 0 || rank >= worldSize) {
            throw new ConfigException(
                    "rank=" + rank + " is not one of nodes=" + worldSize + "; ranks are 0 to " + (worldSize - 1));
        }
    }
}
