package io.kinema.benchmarks;

import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;

/** What a device's matrix product reaches at its best: the bound of a step, and of the operations that multiply. */
final class MatmulSpeed {
    private static final int ROWS = 2048;
    private static final int WIDTH = 1024;
    private static final int ROUNDS = 5;

    private final Device device;
    private final Tensor x;
    private final Tensor weight;
    private final Tensor bias;
    private double flopsPerSecond;

    /** Allocates outside any scope, as weights are, so that a device may keep a copy of them in the order that it multiplies in. */
    MatmulSpeed(Device device) {
        this.device = device;
        x = RandomTensor.of(device, device.workingType(), ROWS, WIDTH);
        weight = RandomTensor.of(device, device.workingType(), WIDTH, WIDTH);
        bias = RandomTensor.of(device, device.workingType(), WIDTH);
    }

    /** Multiplies a few times, after once to warm up; a faster round than any before replaces the best. */
    void measure() {
        for (int round = 0; round <= ROUNDS; round++) {
            try (Device.Scope _ = device.openScope()) {
                long start = System.nanoTime();
                device.linear(x, weight, bias);
                long nanos = System.nanoTime() - start;
                if (round > 0) {
                    flopsPerSecond = Math.max(flopsPerSecond, 2e9 * ROWS * WIDTH * WIDTH / nanos);
                }
            }
        }
    }

    /** The best of all rounds so far, 0 before the first. */
    double flopsPerSecond() {
        return flopsPerSecond;
    }
}
