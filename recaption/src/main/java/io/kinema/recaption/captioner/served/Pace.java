package io.kinema.recaption.captioner.served;

import java.util.concurrent.TimeUnit;

/** Delays requests: until a pause that the server asked for is over, and so that their rate stays within the limit. */
final class Pace {
    private final long intervalNanos;
    private long openNanos = System.nanoTime();

    /** A pace of so many requests a minute; 0 for no limit. */
    Pace(double requestsPerMinute) {
        intervalNanos = requestsPerMinute > 0 ? (long) (TimeUnit.MINUTES.toNanos(1) / requestsPerMinute) : 0;
    }

    /** Holds back all requests for a time. */
    synchronized void pause(long ms) {
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(ms);
        if (until - openNanos > 0) {
            openNanos = until;
        }
    }

    /** Waits until one request may be sent, and counts it. */
    synchronized void awaitTurn() throws InterruptedException {
        long now = System.nanoTime();
        while (openNanos - now > 0) {
            TimeUnit.NANOSECONDS.timedWait(this, openNanos - now);
            now = System.nanoTime();
        }
        openNanos = now + intervalNanos;
    }
}
