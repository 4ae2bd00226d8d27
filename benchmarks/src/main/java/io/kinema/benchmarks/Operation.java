package io.kinema.benchmarks;

import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.util.List;
import java.util.function.Supplier;

/**
 * One operation on tensors of a size, and the least work that it takes.
 *
 * @param size of its tensors, for people
 * @param flops of its products; 0 where it has none, which makes memory its bound
 * @param bytes that it reads and writes
 * @param device that it runs on
 * @param body gives its results
 */
record Operation(String size, double flops, double bytes, Device device, Supplier<List<Tensor>> body) {

    /** An operation whose bound is the matrix product. */
    static Operation product(Device device, String size, double flops, Supplier<List<Tensor>> body) {
        return new Operation(size, flops, 0, device, body);
    }

    /**
     * An operation whose bound is memory.
     *
     * @param touched every tensor that is read, and once more each that is changed in place; results are counted by
     *     themselves
     */
    static Operation stream(Device device, String size, List<Tensor> touched, Supplier<List<Tensor>> body) {
        double bytes = bytes(touched);
        try (Device.Scope _ = device.openScope()) {
            bytes += bytes(body.get());
        }
        return new Operation(size, 0, bytes, device, body);
    }

    private static double bytes(List<Tensor> tensors) {
        return tensors.stream()
                .mapToDouble(tensor -> (double) tensor.size() * tensor.dtype().bytes())
                .sum();
    }

    /** Runs it in a scope of its own. */
    void run() {
        try (Device.Scope _ = device.openScope()) {
            body.get();
        }
    }
}
