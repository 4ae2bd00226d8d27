package io.kinema.train.tensor.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * The threads of a device. The calling thread is worker 0 and works too. Work is cut into tiles by shapes alone, so
 * that results do not depend on how many threads there are. Used by one thread at a time.
 */
final class Workers implements AutoCloseable {
    /** About 50 µs: the gap between two operations of a step is shorter, and waking a parked thread takes as long. */
    private static final int SPINS = 2000;

    private final boolean planning;
    private final int count;
    private final Worker[] others;
    private volatile boolean closed;

    /**
     * The number of the run in the upper half, how many of its tiles nobody has taken yet in the lower. Whoever counts
     * one down has the tile; the run then cannot end before that tile is done, so what follows is that run's.
     */
    private final AtomicLong tickets = new AtomicLong();

    private final AtomicInteger done = new AtomicInteger();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private Tile tile;
    private int numTiles;

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
            while (!closed) {
                await();
                work(index);
            }
        }

        private void await() {
            for (int i = 0; i < SPINS; i++) {
                if (isWaiting(tickets.get())) {
                    return;
                }
                Thread.onSpinWait();
            }
            parked = true;
            while (!isWaiting(tickets.get()) && !closed) {
                LockSupport.park(Workers.this);
            }
            parked = false;
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
        this.tile = tile;
        this.numTiles = numTiles;
        done.set(0);
        // The fields above are seen by whoever sees this.
        tickets.set(((tickets.get() >>> Integer.SIZE) + 1) << Integer.SIZE | numTiles);
        for (Worker worker : others) {
            if (worker.parked) {
                LockSupport.unpark(worker);
            }
        }
        work(0);
        for (int spins = 0; done.get() < numTiles; spins++) {
            if (spins < SPINS) {
                Thread.onSpinWait();
            } else {
                Thread.yield();
            }
        }
        this.tile = null;
        switch (failure.getAndSet(null)) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
    }

    private static boolean isWaiting(long ticket) {
        return (int) ticket > 0;
    }

    /** Takes tiles as long as there are any. */
    private void work(int worker) {
        for (long ticket = tickets.get(); isWaiting(ticket); ticket = tickets.get()) {
            if (tickets.compareAndSet(ticket, ticket - 1)) {
                try {
                    tile.run(numTiles - (int) ticket, worker);
                } catch (Throwable e) {
                    failure.compareAndSet(null, e);
                } finally {
                    done.incrementAndGet();
                }
            }
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
