package io.kinema.recaption.captioner;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.vertex.BaseGraphVertex;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What an {@link UnfoldVertex} does: copies rows of channels forward, adds them up on the way back. */
// DL4J's base class overrides a method with varargs by one with an array.
@SuppressWarnings("overrides")
final class Unfold extends BaseGraphVertex {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    private final transient Geometry shape;

    /**
     * Of one picture.
     *
     * @param height H
     * @param width W
     * @param channels C
     * @param kernel k
     * @param stride of the places that are kept
     */
    record Geometry(int height, int width, int channels, int kernel, int stride) {
        int numPictures(INDArray input) {
            return Math.toIntExact(input.length() / ((long) height * width * channels));
        }

        int outHeight() {
            return Math.ceilDiv(height, stride);
        }

        int outWidth() {
            return Math.ceilDiv(width, stride);
        }

        long values() {
            return (long) kernel * kernel * channels;
        }

        /** The first neighbour's row or column of the first place: the padding is shared out to both sides. */
        int first(int side, int outSide) {
            return -Math.max(0, (outSide - 1) * stride + kernel - side) / 2;
        }
    }

    private interface RowCopy {
        void copy(long pictureOffset, long unfoldedOffset);
    }

    Unfold(ComputationGraph graph, String name, int index, DataType dataType, Geometry shape) {
        super(graph, name, index, null, null, dataType);
        if (dataType != DataType.FLOAT) {
            throw new IllegalArgumentException(name + " of " + dataType + "; only FLOAT can be unfolded");
        }
        this.shape = shape;
    }

    @Override
    public INDArray doForward(boolean training, LayerWorkspaceMgr workspaces) {
        INDArray input = contiguous(inputs[0]);
        int numPictures = shape.numPictures(input);
        long rows = (long) numPictures * shape.outHeight() * shape.outWidth();
        INDArray unfolded = workspaces.create(ArrayType.ACTIVATIONS, dataType, new long[] {rows, shape.values()}, 'c');
        MemorySegment from = memory(input);
        MemorySegment to = memory(unfolded);
        long bytes = FLOAT.byteSize() * shape.channels();
        each(
                numPictures,
                (place, at) -> MemorySegment.copy(from, FLOAT.byteSize() * place, to, FLOAT.byteSize() * at, bytes));
        return unfolded;
    }

    @Override
    public Pair<Gradient, INDArray[]> doBackward(boolean truncated, LayerWorkspaceMgr workspaces) {
        INDArray gradient = contiguous(epsilon);
        INDArray folded = workspaces.create(ArrayType.ACTIVATION_GRAD, dataType, inputs[0].shape(), 'c');
        float[] sums = new float[Math.toIntExact(folded.length())];
        float[] terms = new float[Math.toIntExact(gradient.length())];
        MemorySegment.copy(memory(gradient), FLOAT, 0, terms, 0, terms.length);
        int channels = shape.channels();
        each(shape.numPictures(inputs[0]), (place, at) -> {
            for (int c = 0; c < channels; c++) {
                sums[(int) place + c] += terms[(int) at + c];
            }
        });
        MemorySegment.copy(sums, 0, memory(folded), FLOAT, 0, sums.length);
        return new Pair<>(null, new INDArray[] {folded});
    }

    /** For each neighbour inside the picture, where its channels begin in the picture and where in the unfolded rows. */
    private void each(int numPictures, RowCopy copy) {
        int top = shape.first(shape.height(), shape.outHeight());
        int left = shape.first(shape.width(), shape.outWidth());
        long at = 0;
        for (int picture = 0; picture < numPictures; picture++) {
            for (int outRow = 0; outRow < shape.outHeight(); outRow++) {
                for (int outColumn = 0; outColumn < shape.outWidth(); outColumn++) {
                    for (int i = 0; i < shape.kernel(); i++) {
                        int row = top + outRow * shape.stride() + i;
                        for (int j = 0; j < shape.kernel(); j++, at += shape.channels()) {
                            int column = left + outColumn * shape.stride() + j;
                            if (row >= 0 && row < shape.height() && column >= 0 && column < shape.width()) {
                                long place = ((long) picture * shape.height() + row) * shape.width() + column;
                                copy.copy(place * shape.channels(), at);
                            }
                        }
                    }
                }
            }
        }
    }

    private static INDArray contiguous(INDArray array) {
        boolean inOrder = array.ordering() == 'c' && !array.isView() && array.elementWiseStride() == 1;
        return inOrder ? array : array.dup('c');
    }

    private static MemorySegment memory(INDArray array) {
        long bytes = FLOAT.byteSize() * array.length();
        return MemorySegment.ofAddress(array.data().address() + FLOAT.byteSize() * array.offset())
                .reinterpret(bytes);
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
            throw new IllegalArgumentException("an unfold vertex has no parameters");
        }
    }

    @Override
    public Pair<INDArray, MaskState> feedForwardMaskArrays(INDArray[] masks, MaskState state, int batchSize) {
        return null;
    }

    @Override
    public String toString() {
        return "Unfold(" + getVertexName() + ", " + shape + ")";
    }
}
