package io.kinema.train.tensor;

/**
 * The end of the operations that were begun on some tensors. Any thread may wait for it, also one that does not compute
 * on the device; to wait again costs nothing.
 */
@FunctionalInterface
public interface Completion {
    /** Of operations that are over already. */
    Completion DONE = () -> {};

    /** Waits for the end. */
    void await();
}
