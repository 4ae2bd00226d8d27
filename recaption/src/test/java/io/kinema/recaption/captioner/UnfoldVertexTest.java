package io.kinema.recaption.captioner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.graph.PreprocessorVertex;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.layers.convolution.Conv2D;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;
import org.nd4j.linalg.factory.Nd4j;

class UnfoldVertexTest {
    private static final int PICTURES = 2;
    private static final int HEIGHT = 6;
    private static final int WIDTH = 5;
    private static final int CHANNELS = 3;
    private static final int OUT = 4;

    @ParameterizedTest
    @CsvSource({"1, 1", "3, 1", "3, 2", "4, 4", "5, 3", "2, 1"})
    void shouldMakeADenseLayerAConvolution(int kernel, int stride) {
        INDArray pictures = random(1, PICTURES, HEIGHT * WIDTH * CHANNELS);
        INDArray weights = random(2, kernel * kernel * CHANNELS, OUT);
        ComputationGraph graph = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .dataType(DataType.FLOAT)
                .graphBuilder()
                .addInputs("pictures")
                .addVertex("unfold", new UnfoldVertex(HEIGHT, WIDTH, CHANNELS, kernel, stride), "pictures")
                .addLayer("dense", dense(kernel * kernel * CHANNELS, OUT), "unfold")
                .setOutputs("dense")
                .build());
        graph.init();
        graph.setParam("dense_W", weights);
        INDArray found = graph.outputSingle(pictures);
        Conv2DConfig config = Conv2DConfig.builder()
                .kH(kernel)
                .kW(kernel)
                .sH(stride)
                .sW(stride)
                .paddingMode(PaddingMode.SAME)
                .dataFormat("NHWC")
                .build();
        INDArray expected = Nd4j.exec(new Conv2D(
                pictures.reshape('c', PICTURES, HEIGHT, WIDTH, CHANNELS),
                weights.reshape('c', kernel, kernel, CHANNELS, OUT),
                null,
                config))[0];
        assertArrayEquals(
                expected.dup('c').data().asFloat(), found.dup('c').data().asFloat(), 1e-4f);
    }

    /** Of the sum of all outputs times weights of their own, by each parameter of the layer before the second unfolding. */
    @Test
    void shouldGiveTheGradientThatFiniteDifferencesGive() {
        ComputationGraph graph = new ComputationGraph(new NeuralNetConfiguration.Builder()
                .dataType(DataType.FLOAT)
                .trainingWorkspaceMode(WorkspaceMode.NONE)
                .inferenceWorkspaceMode(WorkspaceMode.NONE)
                .graphBuilder()
                .addInputs("pictures")
                .addVertex("first", new UnfoldVertex(HEIGHT, WIDTH, CHANNELS, 3, 1), "pictures")
                .addLayer("dense", dense(9 * CHANNELS, OUT), "first")
                .addVertex("second", new UnfoldVertex(HEIGHT, WIDTH, OUT, 3, 2), "dense")
                .addVertex("sequence", new PreprocessorVertex(new PlacesToSequence(9)), "second")
                .setOutputs("sequence")
                .build());
        graph.init();
        INDArray pictures = random(3, PICTURES, HEIGHT * WIDTH * CHANNELS);
        INDArray epsilon = random(4, PICTURES, 9 * OUT, 9);
        graph.setParams(random(5, 1, Math.toIntExact(graph.numParams())));
        graph.feedForward(new INDArray[] {pictures}, true, false);
        INDArray gradient = graph.backpropGradient(epsilon).gradient();
        // The sum is linear in each parameter, so a large difference is exact.
        float step = 0.5f;
        for (int i = 0; i < graph.numParams(); i++) {
            double difference = value(graph, pictures, epsilon, i, step) - value(graph, pictures, epsilon, i, -step);
            assertEquals(difference / (2 * step), gradient.getDouble(i), 2e-3, "parameter " + i);
        }
    }

    private static double value(ComputationGraph graph, INDArray pictures, INDArray epsilon, int index, float change) {
        INDArray parameters = graph.params();
        float before = parameters.getFloat(index);
        parameters.putScalar(index, before + change);
        double value = graph.outputSingle(pictures).mul(epsilon).sumNumber().doubleValue();
        parameters.putScalar(index, before);
        return value;
    }

    @Test
    void shouldComeBackFromTheGraphsJson() {
        ComputationGraphConfiguration configuration = new NeuralNetConfiguration.Builder()
                .graphBuilder()
                .addInputs("pictures")
                .addVertex("unfold", new UnfoldVertex(HEIGHT, WIDTH, CHANNELS, 3, 2), "pictures")
                .addVertex("sequence", new PreprocessorVertex(new PlacesToSequence(9)), "unfold")
                .setOutputs("sequence")
                .build();
        assertEquals(configuration, ComputationGraphConfiguration.fromJson(configuration.toJson()));
    }

    private static DenseLayer dense(int in, int out) {
        return new DenseLayer.Builder()
                .nIn(in)
                .nOut(out)
                .activation(Activation.IDENTITY)
                .hasBias(false)
                .build();
    }

    private static INDArray random(long seed, int... shape) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble() - 0.5f;
        }
        return Nd4j.create(values, shape);
    }
}
