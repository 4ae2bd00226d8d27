package io.kinema.train.tensor;

/**
 * Where the process that opens a device stands on its host.
 *
 * @param ordinal which of the host's devices of the kind the process takes, from 0; a kind with fewer devices starts
 *     again at its first
 * @param rank the process's number among those of the host, from 0
 * @param ranks how many processes of the run the host has
 */
public record HostPlace(int ordinal, int rank, int ranks) {
    /** The only process of its host. */
    public static final HostPlace ALONE = of(0, 1);

    /** Checks the numbers. */
    public HostPlace {
        if (ordinal < 0 || rank < 0 || rank >= ranks) {
            throw new IllegalArgumentException(
                    "device " + ordinal + " for process " + rank + " of the " + ranks + " on its host");
        }
    }

    /**
     * Gives each process of a host a device of its own.
     *
     * @param rank the process's number among those of the host, from 0
     * @param ranks how many processes of the run the host has
     * @return the place
     */
    public static HostPlace of(int rank, int ranks) {
        return new HostPlace(rank, rank, ranks);
    }
}
