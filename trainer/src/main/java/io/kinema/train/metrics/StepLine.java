package io.kinema.train.metrics;

/** What a {@link StepLog} holds a line of. */
public sealed interface StepLine permits StepMetrics, Spike {
    /**
     * Returns the step that it is about.
     *
     * @return from 1
     */
    long step();
}
