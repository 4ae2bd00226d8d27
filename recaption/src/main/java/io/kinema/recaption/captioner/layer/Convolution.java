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
 * Four steps in one layer: a convolution of pictures, layer norm over all places and channels of a picture, a shift of
 * each channel, and ReLU. The norm is the group norm of Wu and He (1803.08494) with one group. It has no gain, because
 * the weights after ReLU can scale channels too.
 *
 * <p>DL4J's own convolution is slow: its strided matrices are multiplied without BLAS. DL4J's dense layer repeats the
 * whole forward pass during the backward pass.
 *
 * <p>Input {@code [B·H·W, C]} in C order, or any shape of as many elements in that order; output {@code [B·H′·W′,
 * nOut]} with H′ = ⌈H/stride⌉. Values outside the picture are 0.
 */
public final class Convolution extends FeedForwardLayer {
    /** H, rows of a picture. */
    @JsonProperty
    private final int height;

    /** W, columns of a picture. */
    @JsonProperty
    private final int width;

    /** C, values a place. */
    @JsonProperty
    private final int channels;

    /** k, rows and columns of neighbours. */
    @JsonProperty
    private final int kernel;

    /** Rows and columns between two places of the output. */
    @JsonProperty
    private final int stride;

    /** Whether the input is the pictures themselves: no layer before this one needs a gradient. */
    @JsonProperty
    private final boolean isFirst;

    /**
     * The shapes of a convolution of one picture.
     *
     * @param height H, rows of the picture
     * @param width W, columns
     * @param channels C, values a place
     * @param kernel k, rows and columns of neighbours
     * @param stride between the places of the output, in rows and in columns
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

        /** The row of the first place's first neighbour. Padding is shared between both sides. */
        int top() {
            return -Math.max(0, (outHeight() - 1) * stride + kernel - height) / 2;
        }

        /** The column of the first place's first neighbour. */
        int left() {
            return -Math.max(0, (outWidth() - 1) * stride + kernel - width) / 2;
        }
    }

    /**
     * Describes a layer.
     *
     * @param shape of the pictures and the neighbourhood
     * @param numOut channels that come out
     * @param isFirst whether the input is the pictures themselves
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
