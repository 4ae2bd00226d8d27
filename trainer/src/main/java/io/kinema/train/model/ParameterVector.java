package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.util.List;

/**
 * One value for each parameter of a group, end to end in one tensor.
 *
 * @param flat [size of the group]
 * @param views the parameters in their order, parts of {@code flat}
 */
public record ParameterVector(Tensor flat, List<Tensor> views) {
    /**
     * Allocates a vector, all zero; it lives as long as a tensor that is allocated at the same place.
     *
     * @param device where
     * @param type of the elements
     * @param group whose parameters
     * @return the vector
     */
    public static ParameterVector allocate(Device device, DType type, Group group) {
        Tensor flat = device.zeros(type, group.size());
        List<Tensor> views = group.entries().stream()
                .map(entry -> device.view(flat, entry.offset() - group.offset(), entry.shape()))
                .toList();
        return new ParameterVector(flat, views);
    }

    /**
     * Returns one parameter.
     *
     * @param group that this vector serves: the one it was allocated for, or one like it
     * @param entry of that group
     * @return a view of {@link #flat()}
     */
    public Tensor get(Group group, Entry entry) {
        return views.get(entry.index() - group.entries().getFirst().index());
    }

    /**
     * Returns the memory that it takes.
     *
     * @return bytes
     */
    public long bytes() {
        return flat.size() * flat.dtype().bytes();
    }
}
