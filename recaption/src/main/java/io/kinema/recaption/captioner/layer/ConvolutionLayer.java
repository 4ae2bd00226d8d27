package io.kinema.recaption.captioner.layer;

import java.lang.ref.Reference;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.BaseLayer;
import org.deeplearning4j.nn.params.DefaultParamInitializer;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Computes a {@link Convolution}, picture by picture, so that the unfolded neighbourhoods of a picture stay in the
 * processor's cache. The backward pass unfolds again, which costs less than to keep all neighbourhoods.
 */
final class ConvolutionLayer extends BaseLayer<Convolution> {
    private static final float EPSILON = 1e-5f;

    /** Normalised values, before shift and ReLU, of the last pass forward in training. */
    private INDArray normed;

    /** 1/σ of each picture, of the same pass. */
    private float[] inverseDeviations = new float[0];

    /** The unfolded neighbourhoods of one picture. */
    private INDArray scratch;

    ConvolutionLayer(NeuralNetConfiguration conf, DataType dataType) {
        super(conf, dataType);
    }

    @Override
    public INDArray activate(boolean training, LayerWorkspaceMgr workspaces) {
        assertInputSet(false);
        Convolution.Geometry shape = layerConf().shape();
        INDArray pictures = FloatRows.inOrder(input);
        FloatRows from = FloatRows.of(pictures, shape.channels());
        int numPictures = from.rows() / shape.places();
        long[] outShape = {(long) numPictures * shape.outPlaces(), layerConf().getNOut()};
        INDArray out = workspaces.createUninitialized(ArrayType.ACTIVATIONS, dataType, outShape, 'c');
        normed = training ? workspaces.createUninitialized(ArrayType.ACTIVATIONS, dataType, outShape, 'c') : out;
        if (inverseDeviations.length < numPictures) {
            inverseDeviations = new float[numPictures];
        }
        if (scratch == null) {
            scratch = Nd4j.createUninitializedDetached(dataType, shape.outPlaces(), shape.neighbours());
        }
        FloatRows unfolded = FloatRows.of(scratch);
        FloatRows norms = FloatRows.of(normed);
        FloatRows rectified = FloatRows.of(out);
        FloatRows shifts = FloatRows.of(getParam(DefaultParamInitializer.BIAS_KEY));
        INDArray weights = getParam(DefaultParamInitializer.WEIGHT_KEY);
        for (int picture = 0; picture < numPictures; picture++) {
            unfold(from, picture, unfolded);
            multiply(weights, normed, picture);
            int firstRow = picture * shape.outPlaces();
            inverseDeviations[picture] = normalise(norms.asRow(firstRow, shape.outPlaces()));
            for (int row = firstRow; row < firstRow + shape.outPlaces(); row++) {
                norms.shiftAndRectify(row, shifts, rectified);
            }
        }
        // A view of rows does not keep the array's memory alive.
        Reference.reachabilityFence(pictures);
        return out;
    }

    /** The sums of products of one picture: {@code [P, kkC] · [kkC, nOut]}. */
    private void multiply(INDArray weights, INDArray out, int picture) {
        FloatRows unfolded = FloatRows.of(scratch);
        int numOut = Math.toIntExact(out.size(1));
        openblas_nolapack.cblas_sgemm(
                openblas_nolapack.CblasRowMajor,
                openblas_nolapack.CblasNoTrans,
                // DL4J keeps weights column after column.
                openblas_nolapack.CblasTrans,
                unfolded.rows(),
                numOut,
                unfolded.columns(),
                1,
                pointer(scratch, 0),
                unfolded.columns(),
                pointer(weights, 0),
                unfolded.columns(),
                0,
                pointer(out, (long) picture * unfolded.rows() * numOut),
                numOut);
    }

    private static FloatPointer pointer(INDArray array, long offset) {
        FloatPointer pointer = new FloatPointer((FloatPointer) array.data().addressPointer());
        return pointer.position(pointer.position() + offset);
    }

    private static float normalise(FloatRows all) {
        float mean = all.sum(0) / all.columns();
        all.scale(0, 1, -mean);
        float inverse = (float) (1 / Math.sqrt(all.dot(0, all, 0) / all.columns() + EPSILON));
        all.scale(0, inverse, 0);
        return inverse;
    }

    @Override
    public Pair<Gradient, INDArray> backpropGradient(INDArray epsilon, LayerWorkspaceMgr workspaces) {
        assertInputSet(true);
        Convolution.Geometry shape = layerConf().shape();
        INDArray pictures = FloatRows.inOrder(input);
        INDArray delta = workspaces.dup(ArrayType.BP_WORKING_MEM, epsilon, 'c');
        INDArray weightGradient = gradientViews.get(DefaultParamInitializer.WEIGHT_KEY);
        INDArray shiftGradient = gradientViews.get(DefaultParamInitializer.BIAS_KEY);
        weightGradient.assign(0);
        shiftGradient.assign(0);
        FloatRows from = FloatRows.of(pictures, shape.channels());
        FloatRows unfolded = FloatRows.of(scratch);
        FloatRows deltas = FloatRows.of(delta);
        int numPictures = from.rows() / shape.places();
        boolean isFirst = layerConf().isFirst();
        INDArray before = isFirst
                ? null
                : workspaces
                        .create(ArrayType.ACTIVATION_GRAD, dataType, input.shape(), 'c')
                        .assign(0);
        for (int picture = 0; picture < numPictures; picture++) {
            normBackward(deltas, picture, shape.outPlaces(), FloatRows.of(shiftGradient));
            unfold(from, picture, unfolded);
            addWeightGradient(delta, weightGradient, picture);
            if (!isFirst) {
                multiplyBack(delta, picture);
                fold(unfolded, picture, FloatRows.of(before, shape.channels()));
            }
        }
        Reference.reachabilityFence(pictures);
        Reference.reachabilityFence(delta);
        Gradient gradient = new DefaultGradient();
        gradient.gradientForVariable().put(DefaultParamInitializer.WEIGHT_KEY, weightGradient);
        gradient.gradientForVariable().put(DefaultParamInitializer.BIAS_KEY, shiftGradient);
        return new Pair<>(gradient, before);
    }

    /** Turns the gradient of one picture's output into the gradient of its products, in place. */
    private void normBackward(FloatRows deltas, int picture, int numPlaces, FloatRows shiftGradient) {
        FloatRows norms = FloatRows.of(normed);
        FloatRows shifts = FloatRows.of(getParam(DefaultParamInitializer.BIAS_KEY));
        int firstRow = picture * numPlaces;
        for (int row = firstRow; row < firstRow + numPlaces; row++) {
            deltas.rectifyBackward(row, norms, shifts);
            shiftGradient.add(1, deltas, row, 0);
        }
        FloatRows all = deltas.asRow(firstRow, numPlaces);
        FloatRows normsOfAll = norms.asRow(firstRow, numPlaces);
        float mean = all.sum(0) / all.columns();
        float along = all.dot(0, normsOfAll, 0) / all.columns();
        all.scale(0, 1, -mean);
        all.add(-along, normsOfAll, 0, 0);
        all.scale(0, inverseDeviations[picture], 0);
    }

    /** Adds {@code unfoldedᵀ · delta} of one picture, column after column. */
    private void addWeightGradient(INDArray delta, INDArray weightGradient, int picture) {
        int places = Math.toIntExact(scratch.size(0));
        int neighbours = Math.toIntExact(scratch.size(1));
        int numOut = Math.toIntExact(delta.size(1));
        openblas_nolapack.cblas_sgemm(
                openblas_nolapack.CblasRowMajor,
                openblas_nolapack.CblasTrans,
                openblas_nolapack.CblasNoTrans,
                numOut,
                neighbours,
                places,
                1,
                pointer(delta, (long) picture * places * numOut),
                numOut,
                pointer(scratch, 0),
                neighbours,
                1,
                pointer(weightGradient, 0),
                neighbours);
    }

    /** The gradient of one picture's unfolded neighbourhoods: {@code delta · Wᵀ}. */
    private void multiplyBack(INDArray delta, int picture) {
        int places = Math.toIntExact(scratch.size(0));
        int neighbours = Math.toIntExact(scratch.size(1));
        int numOut = Math.toIntExact(delta.size(1));
        openblas_nolapack.cblas_sgemm(
                openblas_nolapack.CblasRowMajor,
                openblas_nolapack.CblasNoTrans,
                openblas_nolapack.CblasNoTrans,
                places,
                neighbours,
                numOut,
                1,
                pointer(delta, (long) picture * places * numOut),
                numOut,
                pointer(getParam(DefaultParamInitializer.WEIGHT_KEY), 0),
                neighbours,
                0,
                pointer(scratch, 0),
                neighbours);
    }

    private interface NeighbourRun {
        void of(int pictureRow, int column, int length);
    }

    private void unfold(FloatRows pictures, int picture, FloatRows unfolded) {
        Convolution.Geometry shape = layerConf().shape();
        unfolded.clear();
        for (int place = 0; place < shape.outPlaces(); place++) {
            int row = place;
            eachNeighbourRun(
                    shape,
                    picture,
                    place,
                    (pictureRow, column, length) -> unfolded.copyFrom(pictures, pictureRow, 0, row, column, length));
        }
    }

    private void fold(FloatRows unfolded, int picture, FloatRows sums) {
        Convolution.Geometry shape = layerConf().shape();
        for (int place = 0; place < shape.outPlaces(); place++) {
            int row = place;
            eachNeighbourRun(
                    shape,
                    picture,
                    place,
                    (pictureRow, column, length) -> sums.add(1, unfolded, row, column, pictureRow, 0, length));
        }
    }

    /**
     * Visits the rows of a place's neighbours inside the picture: where each row begins in the picture and in the
     * unfolded row.
     */
    private static void eachNeighbourRun(Convolution.Geometry shape, int picture, int place, NeighbourRun run) {
        int top = shape.top() + place / shape.outWidth() * shape.stride();
        int left = shape.left() + place % shape.outWidth() * shape.stride();
        int first = Math.max(0, -left);
        int last = Math.min(shape.kernel(), shape.width() - left);
        for (int i = 0; i < shape.kernel(); i++) {
            int row = top + i;
            if (row >= 0 && row < shape.height()) {
                int pictureRow = (picture * shape.height() + row) * shape.width() + left + first;
                int column = (i * shape.kernel() + first) * shape.channels();
                run.of(pictureRow, column, (last - first) * shape.channels());
            }
        }
    }

    @Override
    public boolean isPretrainLayer() {
        return false;
    }
}
