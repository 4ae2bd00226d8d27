package io.kinema.train.tensor.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * The threads of a device. The calling thread is worker 0 and works too. Work is cut into tiles by shapes alone, so that results do not depend on how many
 * threads there are. Used by one thread at a time.
 */
final class Workers implements AutoCloseable {
    /** About 50 µs: the gap between two operations of a step is shorter, and waking a parked thread takes as long. */
    private static final int SPINS = 2000;

    private final boolean planning;
    private final int count;
    private final Worker[] others;
    private volatile Job job;
    private volatile boolean closed;

    /** A piece of work of an operation. */
    interface Tile {
        /**
         * Does one tile.
         *
         * @param tile which, from 0
         * @param worker who does it, 0 to {@link Workers#count()} − 1
         */
        void run(int tile, int worker);
    }

    /** Tiles that are handed out one by one; one that is finished is never looked at again, so latecomers do no harm. */
    private static final class Job {
        private final Tile tile;
        private final int numTiles;
        private final AtomicInteger next = new AtomicInteger();
        private final AtomicInteger done = new AtomicInteger();
        private final AtomicReference<Throwable> failure = new AtomicReference<>();

        Job(Tile tile, int numTiles) {
            this.tile = tile;
            this.numTiles = numTiles;
        }

        void work(int worker) {
            for (int i = next.getAndIncrement(); i < numTiles; i = next.getAndIncrement()) {
                try {
                    tile.run(i, worker);
                } catch (Throwable e) {
                    failure.compareAndSet(null, e);
                } finally {
                    done.incrementAndGet();
                }
            }
        }
    }

    private final class Worker extends Thread {
        private final int index;
        private volatile boolean parked;

        Worker(int index) {
            super("cpu-worker-" + index);
            this.index = index;
            setDaemon(true);
        }

        @Override
        public void run() {
            Job last = null;
            while (!closed) {
                Job now = await(last);
                if (now != null) {
                    now.work(index);
                }
                last = now;
            }
        }

        private Job await(Job last) {
            for (int i = 0; i < SPINS; i++) {
                if (job != last) {
                    return job;
                }
                Thread.onSpinWait();
            }
            parked = true;
            while (job == last && !closed) {
                LockSupport.park(Workers.this);
            }
            parked = false;
            return job;
        }
    }

    /**
     * Starts threads.
     *
     * @param threads how many work, the calling one among them
     * @param planning whether nothing is to be computed
     */
    Workers(int threads, boolean planning) {
        this.planning = planning;
        others = new Worker[planning ? 0 : threads - 1];
        count = threads;
        for (int i = 0; i < others.length; i++) {
            others[i] = new Worker(i + 1);
            others[i].start();
        }
    }

    /** How many workers there are, the calling thread among them. */
    int count() {
        return count;
    }

    /** Does all tiles; what a tile throws is thrown here. */
    void run(int numTiles, Tile tile) {
        if (planning) {
            return;
        }
        if (others.length == 0 || numTiles == 1) {
            for (int i = 0; i < numTiles; i++) {
                tile.run(i, 0);
            }
            return;
        }
        Job now = new Job(tile, numTiles);
        job = now;
        for (Worker worker : others) {
            if (worker.parked) {
                LockSupport.unpark(worker);
            }
        }
        now.work(0);
        for (int spins = 0; now.done.get() < numTiles; spins++) {
            if (spins < SPINS) {
                Thread.onSpinWait();
            } else {
                Thread.yield();
            }
        }
        Throwable failure = now.failure.get();
        switch (failure) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new IllegalStateException(failure);
        }
    }

    @Override
    public void close() {
        closed = true;
        for (Worker worker : others) {
            LockSupport.unpark(worker);
        }
        for (Worker worker : others) {
            boolean interrupted = false;
            while (worker.isAlive()) {
                try {
                    worker.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
