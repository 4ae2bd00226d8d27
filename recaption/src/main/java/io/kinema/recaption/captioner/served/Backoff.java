package io.kinema.recaption.captioner.served;

/**
 * The wait before a request is repeated. The longest wait doubles with each failure, and the wait is drawn evenly
 * between 0 and the longest. So requests that failed together do not return together (Brooker, "Exponential backoff and
 * jitter", 2015).
 *
 * @param firstMs the longest wait after one failure
 * @param maxMs the longest wait after any number of failures
 */
record Backoff(long firstMs, long maxMs) {
    static final Backoff USUAL = new Backoff(1_000, 60_000);

    /**
     * Computes a wait.
     *
     * @param failures how often the request has failed, at least once
     * @param uniform 0 to 1
     */
    long delayMs(int failures, double uniform) {
        return (long) (uniform * Math.min(maxMs, Math.scalb((double) firstMs, failures - 1)));
    }
}
