package io.kinema.train.tensor;

/**
 * Sums in float64 that operations leave on a device. The host reads them later, all at once, by
 * {@link TensorMemory#read(Scalars)}; until then nothing waits for the device. They live as long as a tensor that is
 * allocated at the same place.
 */
public interface Scalars {
    /**
     * Returns how many there are.
     *
     * @return at least 1
     */
    int count();
}
