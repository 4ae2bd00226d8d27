package io.kinema.train.tensor;

/** Scalars in host memory, of an {@link ImmediateDevice}. */
public final class HostScalars implements Scalars {
    private final double[] values;

    /**
     * Allocates scalars, all 0.
     *
     * @param count how many
     */
    HostScalars(int count) {
        values = new double[count];
    }

    /**
     * Looks inside scalars.
     *
     * @param scalars of an immediate device
     * @return the scalars themselves, to be written by operations
     * @throws IllegalArgumentException where they are another device's
     */
    public static double[] values(Scalars scalars) {
        if (!(scalars instanceof HostScalars own)) {
            throw new IllegalArgumentException(scalars.count() + " scalars of another device");
        }
        return own.values;
    }

    @Override
    public int count() {
        return values.length;
    }
}
