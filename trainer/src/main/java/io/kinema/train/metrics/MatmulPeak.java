package io.kinema.train.metrics;

import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;

/** Measures what a device's matrix product reaches, as the yardstick of {@code utilisation}. */
public final class MatmulPeak {
    private static final int SIZE = 512;
    private static final int ROUNDS = 6;

    private MatmulPeak() {}

    /**
     * Multiplies square matrices and takes the fastest round.
     *
     * @param device whose product is measured
     * @return floating point operations a second
     */
    public static double measure(Device device) {
        double best = 0;
        for (int round = 0; round < ROUNDS; round++) {
            try (Device.Scope _ = device.openScope()) {
                Tensor x = device.zeros(SIZE, SIZE);
                Tensor weight = device.zeros(SIZE, SIZE);
                Tensor bias = device.zeros(SIZE);
                long start = System.nanoTime();
                Tensor y = device.linear(x, weight, bias);
                device.sumOfSquares(device.view(y, 0, SIZE), SIZE);
                best = Math.max(best, 2e9 * SIZE * SIZE * SIZE / (System.nanoTime() - start));
            }
        }
        return best;
    }
}
