package io.kinema.train.model;

import io.kinema.data.order.Philox;
import io.kinema.train.tensor.Device;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Where each parameter stands in the one flat vector that holds them all, in the order of docs/numerics.md. The vector
 * is cut into groups, of layers that a pass goes through together: the stem, each block, the final layer. Each group is
 * filled up with zeros, which no gradient reaches, to a multiple of {@link Device#SHARD_ALIGNMENT}.
 */
public final class ParameterLayout {
    private static final double EMBEDDING_DEVIATION = 0.02;

    private final List<Entry> entries = new ArrayList<>();
    private final List<String> groupNames = new ArrayList<>();
    /** Where groups begin; the last one ends where the last entry does, filled up. */
    private final List<Long> groupOffsets = new ArrayList<>();

    private long numElements;
    private long end;

    /** How a parameter starts. */
    public enum Init {
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
     * @param group the index of its group
     * @param init how it starts
     */
    public record Entry(int index, String name, int[] shape, long offset, int group, Init init) {
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

    /**
     * Parameters that a pass works with together.
     *
     * @param index its place among the groups
     * @param name as in "blocks.3"
     * @param offset of its first element in the flat vector, a multiple of {@link Device#SHARD_ALIGNMENT}
     * @param size elements with the filling, likewise
     * @param entries its parameters, in order
     */
    public record Group(int index, String name, long offset, int size, List<Entry> entries) {
        /**
         * Tells whether memory for one of two groups can serve the other.
         *
         * @param other a group of the same layout
         * @return whether their parameters have the same shapes in the same order
         */
        public boolean isLike(Group other) {
            boolean isLike = entries.size() == other.entries.size();
            for (int i = 0; isLike && i < entries.size(); i++) {
                isLike = Arrays.equals(
                        entries.get(i).shape(), other.entries.get(i).shape());
            }
            return isLike;
        }
    }

    /** Begins without parameters; a network adds its own. */
    public ParameterLayout() {}

    /**
     * Begins a group, which ends the one before.
     *
     * @param group its name
     */
    public void begin(String group) {
        end = filled(end);
        groupNames.add(group);
        groupOffsets.add(end);
    }

    /**
     * Adds a parameter to the group that was begun last.
     *
     * @param name as in files
     * @param init how it starts
     * @param shape extents
     * @return where it stands
     */
    public Entry add(String name, Init init, int... shape) {
        Entry entry = new Entry(entries.size(), name, shape, end, groupNames.size() - 1, init);
        entries.add(entry);
        numElements += entry.size();
        end += entry.size();
        return entry;
    }

    private static long filled(long numElements) {
        return Math.ceilDiv(numElements, Device.SHARD_ALIGNMENT) * Device.SHARD_ALIGNMENT;
    }

    /**
     * Returns the groups in the order of a forward pass.
     *
     * @return end to end they are the flat vector
     */
    public List<Group> groups() {
        List<Group> groups = new ArrayList<>();
        for (int i = 0; i < groupNames.size(); i++) {
            int index = i;
            long offset = groupOffsets.get(i);
            long next = i + 1 < groupNames.size() ? groupOffsets.get(i + 1) : flatSize();
            List<Entry> own =
                    entries.stream().filter(entry -> entry.group() == index).toList();
            groups.add(new Group(i, groupNames.get(i), offset, Math.toIntExact(next - offset), own));
        }
        return List.copyOf(groups);
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
        return filled(end);
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
