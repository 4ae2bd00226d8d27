package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.util.List;

/** One value for each parameter of a model, in one flat tensor: its weights, their gradient, or their average. */
public final class ParameterSet {
    private final Tensor flat;
    private final List<Tensor> views;

    /**
     * Allocates a set of zeros; it lives as long as a tensor that is allocated at the same place.
     *
     * @param device where
     * @param layout of the model
     */
    public ParameterSet(Device device, ParameterLayout layout) {
        Tensor vector = device.zeros(Math.toIntExact(layout.flatSize()));
        this.flat = vector;
        this.views = layout.entries().stream()
                .map(entry -> device.view(vector, entry.offset(), entry.shape()))
                .toList();
    }

    /**
     * Returns all parameters end to end.
     *
     * @return [flatSize]
     */
    public Tensor flat() {
        return flat;
    }

    /**
     * Returns one parameter.
     *
     * @param entry which
     * @return a view of {@link #flat()}
     */
    public Tensor get(Entry entry) {
        return views.get(entry.index());
    }
}
