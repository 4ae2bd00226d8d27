package io.kinema.train.dist.collective;

import io.kinema.train.dist.CollectiveException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/**
 * A collective that was begun. Until it has been awaited, what was given to it must not be changed, nor what it writes
 * be read.
 */
public final class Pending {
    private final Collectives collectives;
    private final Future<?> future;

    Pending(Collectives collectives, Future<?> future) {
        this.collectives = collectives;
        this.future = future;
    }

    /**
     * Waits until this rank has all that it needs and the others have been sent all that they need.
     *
     * @throws CollectiveException when another rank is lost, or late beyond the deadline
     * @throws IllegalStateException when ranks call different collectives, or with different layouts
     */
    public void await() {
        long startNanos = System.nanoTime();
        try {
            future.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CollectiveException("interrupted while waiting for other ranks", e);
        } finally {
            collectives.addExposed(System.nanoTime() - startNanos);
        }
    }
}
