package io.kinema.recaption.captioner.served;

/**
 * How long to wait before asking again: twice as long at most after each failure, and evenly drawn from nothing up to
 * that, so that those who failed together do not return together (Brooker, "Exponential backoff and jitter", 2015).
 *
 * @param firstMs the longest wait after one failure
 * @param maxMs the longest wait after any number
 */
record Backoff(long firstMs, long maxMs) {
    static final Backoff USUAL = new Backoff(1_000, 60_000);

    /**
     * The wait.
     *
     * @param failures how often the request has failed, at least once
     * @param uniform 0 to 1
     */
    long delayMs(int failures, double uniform) {
        return (long) (uniform * Math.min(maxMs, Math.scalb((double) firstMs, failures - 1)));
    }
}
