package io.kinema.train.run;

/**
 * How many ranks train.
 *
 * @param numRanks of the run, at least 1
 * @param mostOnAHost how many of them the host has that has the most; they share its processors
 */
public record RankCount(int numRanks, int mostOnAHost) {
    /**
     * Counts ranks that all run on this host.
     *
     * @param flags say how many; 0 is one
     * @return the count
     * @throws io.kinema.data.command.ConfigException when the flag is out of range
     */
    public static RankCount ofThisHost(PlaceFlags flags) {
        int numRanks = Math.max(1, flags.numRanks());
        return new RankCount(numRanks, numRanks);
    }
}
