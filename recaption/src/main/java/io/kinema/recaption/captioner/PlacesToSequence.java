package io.kinema.recaption.captioner;

import org.deeplearning4j.nn.api.MaskState;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.workspace.ArrayType;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Makes of the places of a picture, {@code [B·P, C]}, a sequence that attention can look at, {@code [B, C, P]}. DL4J's own takes B from the last batch that was trained on.
 *
 * @param numPlaces P
 */
record PlacesToSequence(@JsonProperty("numPlaces") int numPlaces) implements InputPreProcessor {
    @Override
    public INDArray preProcess(INDArray places, int ignored, LayerWorkspaceMgr workspaces) {
        INDArray sequence = inOrder(places)
                .reshape('c', places.size(0) / numPlaces, numPlaces, places.size(1))
                .permute(0, 2, 1);
        return workspaces.dup(ArrayType.ACTIVATIONS, sequence, 'c');
    }

    @Override
    public INDArray backprop(INDArray gradient, int ignored, LayerWorkspaceMgr workspaces) {
        INDArray places = workspaces.dup(ArrayType.ACTIVATION_GRAD, gradient.permute(0, 2, 1), 'c');
        return places.reshape('c', gradient.size(0) * numPlaces, gradient.size(1));
    }

    private static INDArray inOrder(INDArray array) {
        return array.ordering() == 'c' && !array.isView() ? array : array.dup('c');
    }

    @Override
    public InputPreProcessor clone() {
        return this;
    }

    @Override
    public InputType getOutputType(InputType places) {
        return InputType.recurrent(((InputType.InputTypeFeedForward) places).getSize(), numPlaces);
    }

    @Override
    public Pair<INDArray, MaskState> feedForwardMaskArray(INDArray mask, MaskState state, int ignored) {
        return new Pair<>(mask, state);
    }
}
