package io.kinema.recaption.captioner.layer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration.GraphBuilder;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class RowOperationTest {
    /** An operation, its inputs, and how many of them it has gradients for. */
    private record Case(RowOperation operation, List<INDArray> inputs, int numLearned) {
        @Override
        public String toString() {
            return operation.toString();
        }
    }

    private static Stream<Case> cases() {
        INDArray subjects = Nd4j.createFromArray(0f, 0f, 1f, 1f, 1f).reshape(5, 1);
        return Stream.of(
                new Case(new RowOperation.StackFrames(3, 2), List.of(ConvolutionTest.random(1, 12, 19)), 1),
                new Case(new RowOperation.Pool(4), List.of(ConvolutionTest.random(2, 8, 17)), 1),
                new Case(
                        new RowOperation.Attend(3),
                        List.of(
                                ConvolutionTest.random(3, 5, 18),
                                ConvolutionTest.random(4, 6, 18),
                                ConvolutionTest.random(5, 6, 7),
                                subjects),
                        3),
                new Case(new RowOperation.OfSubject(), List.of(ConvolutionTest.random(6, 2, 9), subjects), 1),
                new Case(new RowOperation.Join(2), List.of(ConvolutionTest.random(7, 6, 5)), 1));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void shouldGiveTheGradientThatFiniteDifferencesGive(Case each) {
        FloatRows[] inputs = each.inputs().stream().map(FloatRows::of).toArray(FloatRows[]::new);
        INDArray weights = ConvolutionTest.random(8, rows(each, inputs), columns(each, inputs));
        FloatRows epsilon = FloatRows.of(weights);
        INDArray[] found = Arrays.stream(inputs)
                .map(input -> Nd4j.create(input.rows(), input.columns()))
                .toArray(INDArray[]::new);
        FloatRows[] gradients = Arrays.stream(found).map(FloatRows::of).toArray(FloatRows[]::new);
        each.operation().backward(inputs, epsilon, gradients);
        float step = 1e-3f;
        for (int i = 0; i < each.numLearned(); i++) {
            for (int row = 0; row < inputs[i].rows(); row++) {
                for (int column = 0; column < inputs[i].columns(); column++) {
                    float before = inputs[i].get(row, column);
                    inputs[i].set(row, column, before + step);
                    double above = value(each, inputs, epsilon);
                    inputs[i].set(row, column, before - step);
                    double below = value(each, inputs, epsilon);
                    inputs[i].set(row, column, before);
                    assertEquals(
                            (above - below) / (2 * step),
                            gradients[i].get(row, column),
                            2e-3,
                            "input " + i + ", row " + row + ", column " + column);
                }
            }
        }
        Reference.reachabilityFence(weights);
        Reference.reachabilityFence(found);
    }

    private static double value(Case each, FloatRows[] inputs, FloatRows epsilon) {
        INDArray result = Nd4j.create(rows(each, inputs), columns(each, inputs));
        FloatRows out = FloatRows.of(result);
        each.operation().forward(inputs, out);
        double sum = 0;
        for (int row = 0; row < out.rows(); row++) {
            for (int column = 0; column < out.columns(); column++) {
                sum += out.get(row, column) * epsilon.get(row, column);
            }
        }
        Reference.reachabilityFence(result);
        return sum;
    }

    private static int rows(Case each, FloatRows[] inputs) {
        return each.operation().outRows(inputs);
    }

    private static int columns(Case each, FloatRows[] inputs) {
        return each.operation()
                .outColumns(Arrays.stream(inputs).mapToInt(FloatRows::columns).toArray());
    }

    @Test
    void shouldLayTheFramesOfAPlaceBehindOneAnother() {
        // Clip 0: frames of two places (1, 2) and (3, 4); clip 1: (5, 6) and (7, 8).
        INDArray in = Nd4j.createFromArray(1f, 2f, 3f, 4f, 5f, 6f, 7f, 8f).reshape(8, 1);
        INDArray out = Nd4j.create(4, 2);
        new RowOperation.StackFrames(2, 2).forward(new FloatRows[] {FloatRows.of(in)}, FloatRows.of(out));
        Reference.reachabilityFence(in);
        assertArrayEquals(new float[] {1, 3, 2, 4, 5, 7, 6, 8}, out.data().asFloat());
    }

    @Test
    void shouldLookAtThePlaceWhoseKeyTheQueryIsLike() {
        INDArray query = Nd4j.createFromArray(0f, 50f).reshape(1, 2);
        INDArray keys = Nd4j.createFromArray(0f, 0f, 1f, 0f, 0f, 1f).reshape(3, 2);
        INDArray values = Nd4j.createFromArray(9f, 9f, 1f, 0f, 0f, 1f).reshape(3, 2);
        INDArray subject = Nd4j.createFromArray(0f).reshape(1, 1);
        INDArray out = Nd4j.create(1, 2);
        FloatRows[] inputs = {FloatRows.of(query), FloatRows.of(keys), FloatRows.of(values), FloatRows.of(subject)};
        new RowOperation.Attend(3).forward(inputs, FloatRows.of(out));
        Reference.reachabilityFence(List.of(query, keys, values, subject));
        assertArrayEquals(new float[] {0, 1}, out.data().asFloat(), 1e-4f);
    }

    @Test
    void shouldComeBackFromTheGraphsJson() {
        GraphBuilder graph = new NeuralNetConfiguration.Builder().graphBuilder().addInputs("a", "b", "c", "d");
        List<String> names = new ArrayList<>();
        cases().forEach(each -> {
            String[] inputs = List.of("a", "b", "c", "d")
                    .subList(0, each.operation().numInputs())
                    .toArray(String[]::new);
            names.add("vertex" + names.size());
            graph.addVertex(names.getLast(), new RowVertex(each.operation()), inputs);
        });
        ComputationGraphConfiguration configuration =
                graph.setOutputs(names.toArray(String[]::new)).build();
        assertEquals(configuration, ComputationGraphConfiguration.fromJson(configuration.toJson()));
    }
}
