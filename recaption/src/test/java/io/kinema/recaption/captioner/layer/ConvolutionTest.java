package io.kinema.recaption.captioner.layer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.layers.convolution.Conv2D;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

class ConvolutionTest {
    private static final int PICTURES = 2;
    private static final int HEIGHT = 6;
    private static final int WIDTH = 5;
    private static final int CHANNELS = 3;

    /** More than two vectors, and a rest. */
    private static final int OUT = 35;

    @ParameterizedTest
    @CsvSource({"1, 1", "3, 1", "3, 2", "4, 4", "5, 3", "2, 1"})
    void shouldConvolveNormaliseAndRectify(int kernel, int stride) {
        INDArray pictures = random(1, PICTURES * HEIGHT * WIDTH, CHANNELS);
        INDArray weights = random(2, kernel * kernel * CHANNELS, OUT);
        INDArray shifts = random(3, 1, OUT);
        ComputationGraph graph = graph(kernel, stride);
        graph.setParam("convolution_W", weights);
        graph.setParam("convolution_b", shifts);
        Conv2DConfig config = Conv2DConfig.builder()
                .kH(kernel)
                .kW(kernel)
                .sH(stride)
                .sW(stride)
                .paddingMode(PaddingMode.SAME)
                .dataFormat("NHWC")
                .build();
        INDArray sums = Nd4j.exec(new Conv2D(
                pictures.reshape('c', PICTURES, HEIGHT, WIDTH, CHANNELS),
                weights.reshape('c', kernel, kernel, CHANNELS, OUT),
                null,
                config))[0];
        INDArray flat = sums.dup('c').reshape('c', PICTURES, sums.length() / PICTURES);
        INDArray centred = flat.subColumnVector(flat.mean(1));
        INDArray normed =
                centred.divColumnVector(Transforms.sqrt(flat.var(false, 1).add(1e-5)));
        INDArray expected =
                Transforms.relu(normed.reshape('c', sums.length() / OUT, OUT).addRowVector(shifts));
        assertArrayEquals(
                expected.dup('c').data().asFloat(),
                graph.outputSingle(pictures).dup('c').data().asFloat(),
                1e-4f);
    }

    /** Of all outputs times weights of their own: by each parameter, and by the parameters of a layer before it. */
    @Test
    void shouldGiveTheGradientThatFiniteDifferencesGive() {
        ComputationGraph graph = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .dataType(DataType.FLOAT)
                .graphBuilder()
                .addInputs("pictures")
                .addLayer("first", layer(3, 1, CHANNELS, 4, true), "pictures")
                .addLayer("second", layer(3, 2, 4, 5, false), "first")
                .setOutputs("second")
                .build());
        graph.init();
        INDArray pictures = random(4, PICTURES * HEIGHT * WIDTH, CHANNELS);
        INDArray epsilon = random(5, PICTURES * 9, 5);
        graph.setParams(random(6, 1, Math.toIntExact(graph.numParams())));
        graph.feedForward(new INDArray[] {pictures}, true, false);
        INDArray gradient = graph.backpropGradient(epsilon).gradient().dup();
        float step = 2e-3f;
        double largest = gradient.amaxNumber().doubleValue();
        for (int i = 0; i < graph.numParams(); i++) {
            double difference = value(graph, pictures, epsilon, i, step) - value(graph, pictures, epsilon, i, -step);
            assertEquals(difference / (2 * step), gradient.getDouble(i), 0.02 * largest, "parameter " + i);
        }
    }

    private static double value(ComputationGraph graph, INDArray pictures, INDArray epsilon, int index, float change) {
        INDArray parameters = graph.params();
        float before = parameters.getFloat(index);
        parameters.putScalar(index, before + change);
        INDArray product = graph.outputSingle(pictures).mul(epsilon);
        parameters.putScalar(index, before);
        return Arrays.stream(product.dup('c').data().asDouble()).sum();
    }

    @Test
    void shouldComeBackFromTheGraphsJson() {
        ComputationGraphConfiguration configuration = graph(3, 2).getConfiguration();
        assertEquals(configuration, ComputationGraphConfiguration.fromJson(configuration.toJson()));
    }

    private static ComputationGraph graph(int kernel, int stride) {
        ComputationGraph graph = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .dataType(DataType.FLOAT)
                .graphBuilder()
                .addInputs("pictures")
                .addLayer("convolution", layer(kernel, stride, CHANNELS, OUT, true), "pictures")
                .setOutputs("convolution")
                .build());
        graph.init();
        return graph;
    }

    private static Convolution layer(int kernel, int stride, int channels, int out, boolean isFirst) {
        return new Convolution(new Convolution.Geometry(HEIGHT, WIDTH, channels, kernel, stride), out, isFirst);
    }

    static INDArray random(long seed, int... shape) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble() - 0.5f;
        }
        return Nd4j.create(values, Arrays.stream(shape).asLongStream().toArray(), 'c');
    }
}
