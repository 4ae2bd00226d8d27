package io.kinema.train.dist.transport;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.agrona.concurrent.IdleStrategy;

/**
 * How a media driver's thread waits: briefly as long as frames were there a moment ago, since a frame waits as long for
 * its driver, and longer while ranks compute, who need the core. Used by one thread.
 */
final class DriverIdle implements IdleStrategy {
    private static final int YIELDS = 20;
    private static final long SHORT_PARK_NANOS = TimeUnit.MICROSECONDS.toNanos(50);
    /** With what the kernel adds to each, some 10 ms. */
    private static final int SHORT_PARKS = 100;

    private static final long LONG_PARK_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private int numIdle;

    @Override
    public void idle(int workCount) {
        if (workCount > 0) {
            reset();
        } else {
            idle();
        }
    }

    @Override
    public void idle() {
        if (numIdle < YIELDS) {
            Thread.yield();
        } else if (numIdle < YIELDS + SHORT_PARKS) {
            LockSupport.parkNanos(SHORT_PARK_NANOS);
        } else {
            LockSupport.parkNanos(LONG_PARK_NANOS);
            return;
        }
        numIdle++;
    }

    @Override
    public void reset() {
        numIdle = 0;
    }
}
