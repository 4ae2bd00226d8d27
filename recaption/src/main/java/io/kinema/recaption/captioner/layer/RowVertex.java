package io.kinema.recaption.captioner.layer;

import java.lang.ref.Reference;
import java.util.Arrays;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.BaseGraphVertex;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/** A {@link RowOperation} as a part of a graph. */
public final class RowVertex extends GraphVertex {
    /** Forward and backward. */
    @JsonProperty
    private final RowOperation operation;

    /**
     * Makes a part of a graph.
     *
     * @param operation the operation
     */
    public RowVertex(@JsonProperty("operation") RowOperation operation) {
        this.operation = operation;
    }

    @Override
    public org.deeplearning4j.nn.graph.vertex.GraphVertex instantiate(
            ComputationGraph graph,
            String name,
            int index,
            INDArray parameters,
            boolean initialise,
            DataType dataType) {
        return new InGraph(graph, name, index, dataType, operation);
    }

    @Override
    public InputType getOutputType(int layerIndex, InputType... inputs) {
        int[] columns = Arrays.stream(inputs)
                .mapToInt(input -> Math.toIntExact(input.arrayElementsPerExample()))
                .toArray();
        return InputType.feedForward(operation.outColumns(columns));
    }

    @Override
    public MemoryReport getMemoryReport(InputType... inputs) {
        return new LayerMemoryReport.Builder(null, RowVertex.class, inputs[0], getOutputType(0, inputs))
                .standardMemory(0, 0)
                .workingMemory(0, 0, 0, 0)
                .cacheMemory(0, 0)
                .build();
    }

    @Override
    public long numParams(boolean backprop) {
        return 0;
    }

    @Override
    public int minVertexInputs() {
        return operation.numInputs();
    }

    @Override
    public int maxVertexInputs() {
        return operation.numInputs();
    }

    @Override
    public GraphVertex clone() {
        return new RowVertex(operation);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RowVertex that && operation.equals(that.operation);
    }

    @Override
    public int hashCode() {
        return operation.hashCode();
    }

    // DL4J's base class overrides a method with varargs by one with an array.
    @SuppressWarnings("overrides")
    private static final class InGraph extends BaseGraphVertex {
        private final transient RowOperation operation;

        InGraph(ComputationGraph graph, String name, int index, DataType dataType, RowOperation operation) {
            super(graph, name, index, null, null, dataType);
            this.operation = operation;
        }

        @Override
        public INDArray doForward(boolean training, LayerWorkspaceMgr workspaces) {
            INDArray[] inOrder = Arrays.stream(inputs).map(FloatRows::inOrder).toArray(INDArray[]::new);
            FloatRows[] rows = Arrays.stream(inOrder).map(FloatRows::of).toArray(FloatRows[]::new);
            int[] columns = Arrays.stream(rows).mapToInt(FloatRows::columns).toArray();
            INDArray out = workspaces.createUninitialized(
                    ArrayType.ACTIVATIONS,
                    dataType,
                    new long[] {operation.outRows(rows), operation.outColumns(columns)},
                    'c');
            operation.forward(rows, FloatRows.of(out));
            // A view of rows does not keep the array's memory alive.
            Reference.reachabilityFence(inOrder);
            return out;
        }

        @Override
        public Pair<Gradient, INDArray[]> doBackward(boolean truncated, LayerWorkspaceMgr workspaces) {
            INDArray[] inOrder = Arrays.stream(inputs).map(FloatRows::inOrder).toArray(INDArray[]::new);
            INDArray outGradient = FloatRows.inOrder(epsilon);
            INDArray[] gradients = Arrays.stream(inOrder)
                    .map(input -> workspaces
                            .create(ArrayType.ACTIVATION_GRAD, dataType, input.shape(), 'c')
                            .assign(0))
                    .toArray(INDArray[]::new);
            operation.backward(
                    Arrays.stream(inOrder).map(FloatRows::of).toArray(FloatRows[]::new),
                    FloatRows.of(outGradient),
                    Arrays.stream(gradients).map(FloatRows::of).toArray(FloatRows[]::new));
            Reference.reachabilityFence(inOrder);
            Reference.reachabilityFence(outGradient);
            return new Pair<>(null, gradients);
        }

        @Override
        public boolean hasLayer() {
            return false;
        }

        @Override
        public Layer getLayer() {
            return null;
        }

        @Override
        public void setBackpropGradientsViewArray(INDArray gradients) {
            if (gradients != null) {
                throw new IllegalArgumentException(operation + " has no parameters");
            }
        }

        @Override
        public Pair<INDArray, MaskState> feedForwardMaskArrays(INDArray[] masks, MaskState state, int batchSize) {
            return null;
        }

        @Override
        public String toString() {
            return getVertexName() + " " + operation;
        }
    }
}
