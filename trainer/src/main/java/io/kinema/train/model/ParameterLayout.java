package io.kinema.train.model;

import io.kinema.data.order.Philox;
import io.kinema.train.tensor.Device;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Where each parameter stands in the one flat vector that holds them all, in the order of docs/numerics.md. The vector is
 * filled up with zeros, which no gradient reaches, to a multiple of {@link Device#SHARD_ALIGNMENT}.
 */
public final class ParameterLayout {
    private static final double EMBEDDING_DEVIATION = 0.02;

    private final List<Entry> entries = new ArrayList<>();
    private long numElements;

    /** How a parameter starts. */
    enum Init {
        /** Uniform in ±√(6/(in + out)) (Glorot and Bengio, 2010, equation 16). */
        XAVIER,
        /** Normal with deviation 0.02. */
        EMBEDDING,
        /** All ones. */
        ONES,
        /** All zeros. */
        ZEROS
    }

    /**
     * One parameter.
     *
     * @param index its place in the order
     * @param name as in files
     * @param shape extents
     * @param offset of its first element in the flat vector
     * @param init how it starts
     */
    public record Entry(int index, String name, int[] shape, long offset, Init init) {
        /**
         * Returns the number of elements.
         *
         * @return the product of the extents
         */
        public int size() {
            int size = 1;
            for (int extent : shape) {
                size = Math.multiplyExact(size, extent);
            }
            return size;
        }
    }

    ParameterLayout() {}

    Entry add(String name, Init init, int... shape) {
        Entry entry = new Entry(entries.size(), name, shape, numElements, init);
        entries.add(entry);
        numElements += entry.size();
        return entry;
    }

    /**
     * Returns all parameters in order.
     *
     * @return an unmodifiable list
     */
    public List<Entry> entries() {
        return List.copyOf(entries);
    }

    /**
     * Returns the number of parameters proper.
     *
     * @return elements, without the filling
     */
    public long numElements() {
        return numElements;
    }

    /**
     * Returns the length of the flat vector.
     *
     * @return a multiple of {@link Device#SHARD_ALIGNMENT}, at least {@link #numElements()}
     */
    public long flatSize() {
        return Math.ceilDiv(numElements, Device.SHARD_ALIGNMENT) * Device.SHARD_ALIGNMENT;
    }

    /**
     * Returns how a model starts: a function of the seed alone.
     *
     * @param seed of the run
     * @param entry the parameter
     * @return its elements, row-major
     */
    public float[] initial(long seed, Entry entry) {
        float[] values = new float[entry.size()];
        Philox philox = new Philox(seed);
        switch (entry.init()) {
            case ZEROS -> {}
            case ONES -> Arrays.fill(values, 1f);
            case EMBEDDING -> {
                philox.normals(Philox.Purpose.INIT, entry.index(), 0, values, 0, values.length);
                for (int i = 0; i < values.length; i++) {
                    values[i] *= (float) EMBEDDING_DEVIATION;
                }
            }
            case XAVIER -> {
                double bound = Math.sqrt(6.0 / (entry.shape()[0] + entry.shape()[1]));
                double[] uniforms = new double[values.length];
                philox.uniforms(Philox.Purpose.INIT, entry.index(), 0, uniforms);
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) (bound * (2 * uniforms[i] - 1));
                }
            }
        }
        return values;
    }
}
