package io.kinema.recaption.captioner.layer;

import java.util.Collection;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.FeedForwardLayer;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * A convolution of pictures, layer norm over all places and channels of each (Wu and He, 1803.08494, with one group), a
 * shift of each channel and ReLU, in one. DL4J's own convolution hands ND4J strided matrices, which are multiplied
 * without BLAS, and its dense layer computes everything forward once more on the way back.
 *
 * <p>Input {@code [B·H·W, C]} in C order, or any shape of as many elements in that order; output {@code [B·H′·W′,
 * nOut]} with H′ = ⌈H/stride⌉. What lies outside the picture is 0. Layer norm has no gain of its own, as the weights
 * that follow ReLU can scale channels too.
 */
public final class Convolution extends FeedForwardLayer {
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

    /** Whether the layer sees pictures themselves, so that nothing is to be learned before it. */
    @JsonProperty
    private final boolean isFirst;

    /**
     * What a convolution does to one picture.
     *
     * @param height H, rows of the picture
     * @param width W, columns
     * @param channels C, values a place
     * @param kernel k, rows and columns of neighbours
     * @param stride of the places that are kept, in rows and in columns
     */
    public record Geometry(int height, int width, int channels, int kernel, int stride) {
        int outHeight() {
            return Math.ceilDiv(height, stride);
        }

        int outWidth() {
            return Math.ceilDiv(width, stride);
        }

        int outPlaces() {
            return outHeight() * outWidth();
        }

        int places() {
            return height * width;
        }

        int neighbours() {
            return kernel * kernel * channels;
        }

        /** The first neighbour's row of the first place: the padding is shared out to both sides. */
        int top() {
            return -Math.max(0, (outHeight() - 1) * stride + kernel - height) / 2;
        }

        /** The same for columns. */
        int left() {
            return -Math.max(0, (outWidth() - 1) * stride + kernel - width) / 2;
        }
    }

    /**
     * Describes a layer.
     *
     * @param shape of the pictures and the neighbourhood
     * @param numOut channels that come out
     * @param isFirst whether the layer sees pictures themselves
     */
    public Convolution(Geometry shape, int numOut, boolean isFirst) {
        this(shape.height(), shape.width(), shape.channels(), shape.kernel(), shape.stride(), isFirst, numOut);
    }

    private Convolution(
            @JsonProperty("height") int height,
            @JsonProperty("width") int width,
            @JsonProperty("channels") int channels,
            @JsonProperty("kernel") int kernel,
            @JsonProperty("stride") int stride,
            @JsonProperty("isFirst") boolean isFirst,
            @JsonProperty("nout") int numOut) {
        super(new Builder().nIn(kernel * kernel * channels).nOut(numOut));
        this.height = height;
        this.width = width;
        this.channels = channels;
        this.kernel = kernel;
        this.stride = stride;
        this.isFirst = isFirst;
    }

    @SuppressWarnings("unchecked")
    private static final class Builder extends FeedForwardLayer.Builder<Builder> {
        @Override
        public FeedForwardLayer build() {
            throw new IllegalStateException("a convolution is made by its constructor");
        }
    }

    Geometry shape() {
        return new Geometry(height, width, channels, kernel, stride);
    }

    boolean isFirst() {
        return isFirst;
    }

    @Override
    public Layer instantiate(
            NeuralNetConfiguration conf,
            Collection<TrainingListener> listeners,
            int index,
            INDArray parameters,
            boolean initialise,
            DataType dataType) {
        ConvolutionLayer layer = new ConvolutionLayer(conf, dataType);
        layer.setListeners(listeners);
        layer.setIndex(index);
        layer.setParamsViewArray(parameters);
        layer.setParamTable(initializer().init(conf, parameters, initialise));
        layer.setConf(conf);
        return layer;
    }

    @Override
    public ParamInitializer initializer() {
        return DefaultParamInitializer.getInstance();
    }

    @Override
    public LayerMemoryReport getMemoryReport(InputType input) {
        return new LayerMemoryReport.Builder(getLayerName(), Convolution.class, input, getOutputType(0, input))
                .standardMemory(initializer().numParams(this), 0)
                .workingMemory(0, 0, 0, 0)
                .cacheMemory(0, 0)
                .build();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Convolution that
                && shape().equals(that.shape())
                && isFirst == that.isFirst
                && super.equals(that);
    }

    @Override
    public int hashCode() {
        return 31 * super.hashCode() + shape().hashCode();
    }
}
