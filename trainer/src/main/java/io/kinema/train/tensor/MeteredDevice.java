package io.kinema.train.tensor;

/** A device that tells how much memory it holds. */
public interface MeteredDevice extends Device {
    /**
     * Returns how much memory the device has taken so far.
     *
     * @return bytes
     */
    Footprint footprint();
}
