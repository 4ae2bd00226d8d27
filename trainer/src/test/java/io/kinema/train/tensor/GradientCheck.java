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
 * <p>With steps of 1e-6 the truncation error is about 1e-12 and the rounding error about 1e-10 of the scalar, so a relative
 * error above {@link #TOLERANCE} is a mistake in the mathematics.
 */
final class GradientCheck {
    static final double TOLERANCE = 1e-7;

    /** What gradients that are added to hold beforehand, to see that they are added to and not replaced. */
    static final double BEFORE = 0.5;

    private static final double STEP = 1e-6;
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
        Tensor tensor = inputs.get(input);
        double[] values = Host.read(device, tensor);
        assertEquals(values.length, analytic.length, "size of the gradient of input " + input);
        double scale = Math.max(1, Arrays.stream(analytic).map(Math::abs).max().orElseThrow());
        int[] elements = random.ints(0, values.length).limit(ELEMENTS_AN_INPUT).toArray();
        for (int element : elements) {
            double step = STEP * Math.max(1, Math.abs(values[element]));
            Host.write(device, tensor, element, values[element] + step);
            double above = loss.value();
            Host.write(device, tensor, element, values[element] - step);
            double below = loss.value();
            Host.write(device, tensor, element, values[element]);
            assertEquals(
                    (above - below) / (2 * step),
                    analytic[element],
                    TOLERANCE * scale,
                    "gradient of element " + element + " of input " + input);
        }
    }
}
