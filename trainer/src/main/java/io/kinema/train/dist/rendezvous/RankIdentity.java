package io.kinema.train.dist.rendezvous;

import io.kinema.data.command.ConfigException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * Who a process says it is when it joins a run.
 *
 * @param rank 0 to worldSize − 1
 * @param worldSize number of ranks, at least 1
 * @param runId the run; processes of another run are turned away
 * @param common what must be equal on all ranks: values by name
 */
public record RankIdentity(int rank, int worldSize, String runId, Map<String, String> common) {
    /**
     * Checks the rank, and keeps its own map.
     *
     * @throws ConfigException when the rank is not one of the world's
     */
    public RankIdentity {
        if (worldSize < 1 || rank < 0 || rank >= worldSize) {
            throw new ConfigException(
                    "rank " + rank + " is not one of " + worldSize + " ranks; they are 0 to " + (worldSize - 1));
        }
        common = Collections.unmodifiableMap(new LinkedHashMap<>(common));
    }

    /**
     * Checks that another rank has the same.
     *
     * @param other of the same run
     * @throws ConfigException when something differs; the message has its name and both values
     */
    void requireCommon(RankIdentity other) {
        Set<String> names = new LinkedHashSet<>(common.keySet());
        names.addAll(other.common.keySet());
        for (String name : names) {
            String mine = common.getOrDefault(name, "not known");
            String theirs = other.common.getOrDefault(name, "not known");
            if (!mine.equals(theirs)) {
                throw new ConfigException(name + " " + mine + " of rank " + rank + " is not " + theirs + " of rank "
                        + other.rank + "; start all ranks with the same flags and data");
            }
        }
    }
}
