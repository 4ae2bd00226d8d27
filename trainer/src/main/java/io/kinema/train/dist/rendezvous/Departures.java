package io.kinema.train.dist.rendezvous;

import java.util.ArrayList;
import java.util.List;

/** News of ranks that are no longer there, in the order in which it came; written by several threads. */
public final class Departures {
    /**
     * One piece of news.
     *
     * @param rank who is gone
     * @param crashed whether it went without a goodbye, which dooms the run whatever is being waited for
     * @param reason how it was noticed
     * @param atNanos {@link System#nanoTime} of the news
     */
    public record News(int rank, boolean crashed, String reason, long atNanos) {
        public String who() {
            return rank == LAUNCHER ? "the launcher" : "rank " + rank;
        }
    }

    /** Stands for the launcher where a rank is named. */
    static final int LAUNCHER = -1;

    private volatile List<News> news = List.of();

    public synchronized void report(int rank, boolean crashed, String reason) {
        List<News> longer = new ArrayList<>(news);
        longer.add(new News(rank, crashed, reason, System.nanoTime()));
        news = List.copyOf(longer);
    }

    public List<News> news() {
        return news;
    }
}
