package io.kinema.train.model;

import io.kinema.data.order.Philox;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Shapes;
import io.kinema.train.tensor.Stretch;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The parameters of a model in groups, of layers that a pass goes through together: the stem, each block, the final
 * layer. A group is a vector: its parameters end to end in the order of docs/numerics.md, filled up with zeros, which
 * no gradient reaches, to a multiple of {@link Device#SHARD_ALIGNMENT}. Offsets count through all groups, one after the
 * other; no tensor holds more than one of them.
 */
public final class ParameterLayout {
    private static final double EMBEDDING_DEVIATION = 0.02;
    /** Elements of a parameter that are started at a time, a multiple of 4. */
    private static final int PIECE = 1 << 20;

    private final List<Entry> entries = new ArrayList<>();
    private final List<String> groupNames = new ArrayList<>();
    /** Where groups begin; the last group ends where the last entry does, filled up. */
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
     * @param offset of its first element, counted through all groups
     * @param group the index of its group
     * @param init how it starts
     * @param attributes how training treats it
     */
    public record Entry(
            int index, String name, int[] shape, long offset, int group, Init init, ParameterAttributes attributes) {
        /**
         * Returns the number of elements.
         *
         * @return the product of the extents
         */
        public long size() {
            return Shapes.sizeOf(shape);
        }
    }

    /**
     * Parameters that a pass works with together.
     *
     * @param index its place among the groups
     * @param name as in "blocks.3"
     * @param offset of its first element, counted through all groups, a multiple of {@link Device#SHARD_ALIGNMENT}
     * @param size elements with the filling, likewise
     * @param entries its parameters, in order
     */
    public record Group(int index, String name, long offset, long size, List<Entry> entries) {
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

        /**
         * Cuts a range of the group where attributes change. What fills the group up goes with the last parameter.
         *
         * @param from the first element, counted from the beginning of the group
         * @param length elements of the range
         * @return stretches whose offsets count from {@code from}; end to end they are the range
         */
        public List<Stretch> stretches(long from, long length) {
            List<Stretch> stretches = new ArrayList<>();
            for (Entry entry : entries) {
                long first = Math.max(0, entry.offset - offset - from);
                long end = entry == entries.getLast()
                        ? length
                        : Math.min(length, entry.offset + entry.size() - offset - from);
                if (first >= end) {
                    continue;
                }
                if (!stretches.isEmpty() && stretches.getLast().attributes().equals(entry.attributes)) {
                    first = stretches.removeLast().offset();
                }
                stretches.add(new Stretch(first, end - first, entry.attributes));
            }
            return List.copyOf(stretches);
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
     * @param attributes how it is trained
     * @param shape extents
     * @return where it stands
     */
    public Entry add(String name, Init init, ParameterAttributes attributes, int... shape) {
        Entry entry = new Entry(entries.size(), name, shape, end, groupNames.size() - 1, init, attributes);
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
     * @return end to end, as offsets count
     */
    public List<Group> groups() {
        List<Group> groups = new ArrayList<>();
        for (int i = 0; i < groupNames.size(); i++) {
            int index = i;
            long offset = groupOffsets.get(i);
            long next = i + 1 < groupNames.size() ? groupOffsets.get(i + 1) : flatSize();
            List<Entry> own =
                    entries.stream().filter(entry -> entry.group() == index).toList();
            groups.add(new Group(i, groupNames.get(i), offset, next - offset, own));
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
     * Returns the length of all groups together.
     *
     * @return a multiple of {@link Device#SHARD_ALIGNMENT}, at least {@link #numElements()}
     */
    public long flatSize() {
        return filled(end);
    }

    /**
     * Returns how the parameters of a group start: a function of the seed alone.
     *
     * @param seed of the run
     * @param group of this layout
     * @param values fp32, native byte order, as many as the group has elements; what fills the group up stays
     */
    public static void initialise(long seed, Group group, MemorySegment values) {
        for (Entry entry : group.entries()) {
            long size = entry.size();
            for (long first = 0; first < size; first += PIECE) {
                float[] piece = initial(seed, entry, first, (int) Math.min(PIECE, size - first));
                long offset = entry.offset() - group.offset() + first;
                MemorySegment.copy(piece, 0, values, ValueLayout.JAVA_FLOAT, offset * Float.BYTES, piece.length);
            }
        }
    }

    /** Some of the elements of a parameter, row-major; the first of them is at a multiple of 4. */
    static float[] initial(long seed, Entry entry, long first, int count) {
        float[] values = new float[count];
        Philox philox = new Philox(seed);
        switch (entry.init()) {
            case ZEROS -> {}
            case ONES -> Arrays.fill(values, 1f);
            case EMBEDDING -> {
                philox.normals(Philox.Purpose.INIT, entry.index(), 0, first, values);
                for (int i = 0; i < count; i++) {
                    values[i] *= (float) EMBEDDING_DEVIATION;
                }
            }
            case XAVIER -> {
                double bound = Math.sqrt(6.0 / ((double) entry.shape()[0] + entry.shape()[1]));
                double[] uniforms = new double[count];
                philox.uniforms(Philox.Purpose.INIT, entry.index(), 0, first, uniforms);
                for (int i = 0; i < count; i++) {
                    values[i] = (float) (bound * (2 * uniforms[i] - 1));
                }
            }
        }
        return values;
    }
}
