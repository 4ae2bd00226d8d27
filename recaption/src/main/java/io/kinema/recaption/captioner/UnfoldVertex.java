package io.kinema.recaption.captioner;

import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.conf.memory.MemoryReport;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Lays the neighbours of each place of a picture side by side, so that a dense layer after it is a convolution. DL4J's own convolution hands ND4J strided matrices, which are
 * multiplied without BLAS: a hundred times as slow as what this makes.
 *
 * <p>Input {@code [B·H·W, C]} in C order, or any shape of as many elements in that order; output {@code [B·H′·W′, k·k·C]} with H′ = ⌈H/stride⌉. What lies outside the picture is 0.
 */
final class UnfoldVertex extends GraphVertex {
    @JsonProperty
    private final int height;

    @JsonProperty
    private final int width;

    @JsonProperty
    private final int channels;

    @JsonProperty
    private final int kernel;

    @JsonProperty
    private final int stride;

    /**
     * Describes a vertex.
     *
     * @param height H, rows of the picture
     * @param width W, columns
     * @param channels C, values a place
     * @param kernel k, rows and columns of neighbours
     * @param stride of the places that are kept, in rows and in columns
     */
    UnfoldVertex(
            @JsonProperty("height") int height,
            @JsonProperty("width") int width,
            @JsonProperty("channels") int channels,
            @JsonProperty("kernel") int kernel,
            @JsonProperty("stride") int stride) {
        this.height = height;
        this.width = width;
        this.channels = channels;
        this.kernel = kernel;
        this.stride = stride;
    }

    @Override
    public org.deeplearning4j.nn.graph.vertex.GraphVertex instantiate(
            ComputationGraph graph,
            String name,
            int index,
            INDArray parameters,
            boolean initialise,
            DataType dataType) {
        return new Unfold(graph, name, index, dataType, new Unfold.Geometry(height, width, channels, kernel, stride));
    }

    @Override
    public InputType getOutputType(int layerIndex, InputType... inputs) {
        return InputType.feedForward((long) kernel * kernel * channels);
    }

    @Override
    public MemoryReport getMemoryReport(InputType... inputs) {
        return new LayerMemoryReport.Builder(null, UnfoldVertex.class, inputs[0], getOutputType(0, inputs))
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
        return 1;
    }

    @Override
    public int maxVertexInputs() {
        return 1;
    }

    @Override
    public GraphVertex clone() {
        return new UnfoldVertex(height, width, channels, kernel, stride);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof UnfoldVertex that
                && height == that.height
                && width == that.width
                && channels == that.channels
                && kernel == that.kernel
                && stride == that.stride;
    }

    @Override
    public int hashCode() {
        return 31 * (31 * (31 * (31 * height + width) + channels) + kernel) + stride;
    }
}
