package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** One value for each parameter of a model, in one flat tensor: its weights, their gradient, or their average. */
public final class ParameterSet implements Parameters {
    /** Elements rounded at a time. */
    private static final int PIECE = 1 << 20;

    private final Tensor flat;
    private final List<Tensor> views;

    private ParameterSet(Device device, DType type, ParameterLayout layout) {
        Tensor vector = device.zeros(type, Math.toIntExact(layout.flatSize()));
        this.flat = vector;
        this.views = layout.entries().stream()
                .map(entry -> device.view(vector, entry.offset(), entry.shape()))
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
     * Replaces values, rounding them where this set's type is narrower.
     *
     * @param device that this set is on
     * @param offset the first element to replace
     * @param values elements of {@link Device#dtype()}, native byte order
     */
    public void write(Device device, long offset, MemorySegment values) {
        if (flat.dtype() == device.dtype()) {
            device.write(flat, offset, values);
            return;
        }
        int bytes = device.dtype().bytes();
        long numElements = values.byteSize() / bytes;
        for (long first = 0; first < numElements; first += PIECE) {
            int count = (int) Math.min(PIECE, numElements - first);
            try (Device.Scope _ = device.openScope()) {
                Tensor piece = device.zeros(count);
                device.write(piece, 0, values.asSlice(first * bytes, (long) count * bytes));
                device.copy(device.view(flat, offset + first, count), piece);
            }
        }
    }

    /**
     * Returns all parameters end to end.
     *
     * @return [flatSize]
     */
    public Tensor flat() {
        return flat;
    }

    @Override
    public Tensor get(Entry entry) {
        return views.get(entry.index());
    }
}
