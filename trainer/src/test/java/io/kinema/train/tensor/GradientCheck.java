package io.kinema.train.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * Compares a backward with central finite differences of the scalar {@code Σ c∘forward(inputs)}, c random, in float64.
 *
 * <p>In float64, with steps of 1e-6 the truncation error is about 1e-12 and the rounding error about 1e-10 of the
 * scalar, so a relative error above {@link #FP64_TOLERANCE} is a mistake in the mathematics.
 */
final class GradientCheck {
    /** In float32 the results that differences are taken of are rounded to 6e-8. */
    private static final double FP32_STEP = 5e-3;

    private static final double FP32_TOLERANCE = 4e-3;
    private static final double FP64_TOLERANCE = 1e-7;

    /** What gradients that are added to hold beforehand, to see that they are added to and not replaced. */
    static final double BEFORE = 0.5;

    private static final double FP64_STEP = 1e-6;
    private static final int ELEMENTS_AN_INPUT = 48;

    private GradientCheck() {}

    /**
     * A gradient as a backward leaves it.
     *
     * @param tensor holds it
     * @param before what each element held before
     */
    record Gradient(Tensor tensor, double before) {
        static Gradient fresh(Tensor tensor) {
            return new Gradient(tensor, 0);
        }

        static Gradient added(Tensor tensor) {
            return new Gradient(tensor, BEFORE);
        }
    }

    /** A tensor for a gradient to be added to. */
    static Tensor accumulator(Device device, int... shape) {
        Tensor tensor = device.zeros(shape);
        double[] values = new double[Math.toIntExact(tensor.size())];
        Arrays.fill(values, BEFORE);
        Host.write(device, tensor, 0, values);
        return tensor;
    }

    /**
     * Checks every input's gradient.
     *
     * @param backward from the gradient of the output, and the inputs, to one gradient an input
     */
    static void check(
            Device device,
            List<Tensor> inputs,
            Function<List<Tensor>, Tensor> forward,
            BiFunction<Tensor, List<Tensor>, List<Gradient>> backward) {
        Random random = new Random(11);
        List<double[]> analytic = new ArrayList<>();
        double[] weights;
        try (Device.Scope _ = device.openScope()) {
            Tensor output = forward.apply(inputs);
            weights = Host.normal(random, Math.toIntExact(output.size()));
            Tensor dOutput = Host.tensor(device, weights, output.shape());
            for (Gradient gradient : backward.apply(dOutput, inputs)) {
                analytic.add(Arrays.stream(Host.read(device, gradient.tensor))
                        .map(value -> value - gradient.before)
                        .toArray());
            }
        }
        assertEquals(inputs.size(), analytic.size());
        for (int i = 0; i < inputs.size(); i++) {
            checkInput(device, inputs, i, analytic.get(i), loss(device, inputs, forward, weights), random);
        }
    }

    private interface Loss {
        double value();
    }

    private static Loss loss(
            Device device, List<Tensor> inputs, Function<List<Tensor>, Tensor> forward, double[] weights) {
        return () -> {
            try (Device.Scope _ = device.openScope()) {
                double[] output = Host.read(device, forward.apply(inputs));
                double sum = 0;
                for (int i = 0; i < output.length; i++) {
                    sum += weights[i] * output[i];
                }
                return sum;
            }
        };
    }

    private static void checkInput(
            Device device, List<Tensor> inputs, int input, double[] analytic, Loss loss, Random random) {
        boolean isWide = device.dtype() == DType.FP64;
        Tensor tensor = inputs.get(input);
        double[] values = Host.read(device, tensor);
        assertEquals(values.length, analytic.length, "size of the gradient of input " + input);
        double scale = Math.max(1, Arrays.stream(analytic).map(Math::abs).max().orElseThrow());
        int[] elements = random.ints(0, values.length).limit(ELEMENTS_AN_INPUT).toArray();
        for (int element : elements) {
            double step = (isWide ? FP64_STEP : FP32_STEP) * Math.max(1, Math.abs(values[element]));
            double up = rounded(values[element] + step, isWide);
            double down = rounded(values[element] - step, isWide);
            Host.write(device, tensor, element, up);
            double above = loss.value();
            Host.write(device, tensor, element, down);
            double below = loss.value();
            Host.write(device, tensor, element, values[element]);
            assertEquals(
                    (above - below) / (up - down),
                    analytic[element],
                    (isWide ? FP64_TOLERANCE : FP32_TOLERANCE) * scale,
                    "gradient of element " + element + " of input " + input);
        }
    }

    private static double rounded(double value, boolean isWide) {
        return isWide ? value : (float) value;
    }
}
