package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** One value for each parameter of a model, a vector a group: its weights, their gradient, or their average. */
public final class ParameterSet implements Parameters {
    /** Elements rounded at a time. */
    private static final int PIECE = 1 << 20;

    private final List<Group> groups;
    private final List<ParameterVector> vectors;

    private ParameterSet(Device device, DType type, ParameterLayout layout) {
        groups = layout.groups();
        vectors = groups.stream()
                .map(group -> ParameterVector.allocate(device, type, group))
                .toList();
    }

    /**
     * Allocates weights of the device's working type, all zero; they live as long as a tensor that is allocated at the
     * same place.
     *
     * @param device where
     * @param layout of the model
     * @return the weights
     */
    public static ParameterSet weights(Device device, ParameterLayout layout) {
        return new ParameterSet(device, device.workingType(), layout);
    }

    /**
     * Allocates gradients of {@link Device#dtype()}, all zero; they live as long as a tensor that is allocated at the
     * same place.
     *
     * @param device where
     * @param layout of the model
     * @return the gradients
     */
    public static ParameterSet gradients(Device device, ParameterLayout layout) {
        return new ParameterSet(device, device.dtype(), layout);
    }

    /**
     * Replaces the values of a group, rounding them where this set's type is narrower.
     *
     * @param device that this set is on
     * @param group of the layout
     * @param values of the whole group, elements of {@link Device#dtype()}, native byte order
     */
    public void write(Device device, Group group, MemorySegment values) {
        Tensor flat = flat(group);
        if (flat.dtype() == device.dtype()) {
            device.write(flat, 0, values);
            return;
        }
        int bytes = device.dtype().bytes();
        for (long first = 0; first < group.size(); first += PIECE) {
            long count = Math.min(PIECE, group.size() - first);
            try (Device.Scope _ = device.openScope()) {
                Tensor piece = device.zeros(count);
                device.write(piece, 0, values.asSlice(first * bytes, count * bytes));
                device.copy(device.view(flat, first, count), piece);
            }
        }
    }

    /**
     * Returns the parameters of a group end to end.
     *
     * @param group of the layout
     * @return [size of the group]
     */
    public Tensor flat(Group group) {
        return vectors.get(group.index()).flat();
    }

    /**
     * Returns the memory that they take.
     *
     * @return bytes
     */
    public long bytes() {
        return vectors.stream().mapToLong(ParameterVector::bytes).sum();
    }

    @Override
    public Tensor get(Entry entry) {
        return vectors.get(entry.group()).get(groups.get(entry.group()), entry);
    }
}
