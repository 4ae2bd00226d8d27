package io.kinema.train.dist.rendezvous;

import java.util.ArrayList;
import java.util.List;

/** News of ranks that are no longer there, in the order in which it came; written by several threads. */
public final class Departures {
    /** Begins with nothing. */
    public Departures() {}

    /**
     * One piece of news.
     *
     * @param rank who is gone
     * @param crashed whether it went without a goodbye, which dooms the run whatever is being waited for
     * @param reason how it was noticed
     * @param atNanos {@link System#nanoTime} of the news
     */
    public record News(int rank, boolean crashed, String reason, long atNanos) {
        /**
         * Names who left.
         *
         * @return a phrase such as "rank 3"
         */
        public String who() {
            return rank == LAUNCHER ? "the launcher" : "rank " + rank;
        }
    }

    /** Stands for the launcher where a rank is named. */
    static final int LAUNCHER = -1;

    private volatile List<News> news = List.of();

    /**
     * Adds one departure.
     *
     * @param rank this rank, from 0
     * @param crashed whether it failed, or left in good order
     * @param reason in words
     */
    public synchronized void report(int rank, boolean crashed, String reason) {
        List<News> longer = new ArrayList<>(news);
        longer.add(new News(rank, crashed, reason, System.nanoTime()));
        news = List.copyOf(longer);
    }

    /**
     * Returns all departures so far.
     *
     * @return in the order of arrival
     */
    public List<News> news() {
        return news;
    }
}
