package io.kinema.train.step;

import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Trainable;
import io.kinema.train.model.ClipTokens;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.ParameterLayout;
import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterLayout.Init;
import io.kinema.train.model.Parameters;
import io.kinema.train.tensor.Activated;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.ParameterAttributes;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.SquaredError;
import io.kinema.train.tensor.Tensor;
import java.util.List;

/** A network that is no DiT: narrows each token and widens it again, to tell a clip by fewer numbers. */
final class TinyAutoencoder implements Trainable {
    private static final int NARROW = 8;

    private final Device device;
    private final int values;
    private final ParameterLayout layout = new ParameterLayout();
    private final Entry encoderWeight;
    private final Entry encoderBias;
    private final Entry decoderWeight;
    private final Entry decoderBias;
    private final List<Group> groups;

    TinyAutoencoder(ClipTokens tokens, Device device) {
        this.device = device;
        values = tokens.values();
        layout.begin("encoder");
        encoderWeight = layout.add("encoder.weight", Init.XAVIER, ParameterAttributes.DECAYED, NARROW, values);
        encoderBias = layout.add("encoder.bias", Init.ZEROS, ParameterAttributes.DECAYED, NARROW);
        layout.begin("decoder");
        decoderWeight = layout.add("decoder.weight", Init.XAVIER, ParameterAttributes.DECAYED, values, NARROW);
        decoderBias = layout.add("decoder.bias", Init.ZEROS, ParameterAttributes.DECAYED, values);
        groups = layout.groups();
    }

    @Override
    public ParameterLayout layout() {
        return layout;
    }

    @Override
    public int valuesOfToken() {
        return values;
    }

    @Override
    public double flops(Microbatch batch) {
        return 12.0 * batch.packing().tokens().total() * values * NARROW;
    }

    @Override
    public Scalars forwardBackward(Gradients to, Microbatch batch, double scale) {
        int rows = batch.packing().tokens().total();
        Parameters weights = to.weights();
        Tensor cleanLP = device.of(batch.cleanLP(), 0, rows, values);
        Tensor weightL = device.of(batch.weightL(), 0, rows);

        weights.enter(groups.get(0), groups.get(1));
        Activated narrow = device.linearGelu(cleanLP, weights.get(encoderWeight), weights.get(encoderBias));
        weights.leave(groups.get(0));
        weights.enter(groups.get(1), groups.get(1));
        Tensor outLP = device.linear(narrow.outRO(), weights.get(decoderWeight), weights.get(decoderBias));
        weights.leave(groups.get(1));
        SquaredError error =
                device.squaredError(outLP, cleanLP, weightL, batch.packing().tokens(), scale);

        enterBackward(to, 1);
        device.linearBackwardParameters(
                error.dPrediction(),
                narrow.outRO(),
                to.sums().get(decoderWeight),
                to.sums().get(decoderBias));
        Tensor dInner =
                device.linearBackwardInputGelu(error.dPrediction(), weights.get(decoderWeight), narrow.innerRO());
        leaveBackward(to, 1);
        enterBackward(to, 0);
        device.linearBackwardParameters(
                dInner, cleanLP, to.sums().get(encoderWeight), to.sums().get(encoderBias));
        leaveBackward(to, 0);
        return error.sumS();
    }

    private void enterBackward(Gradients to, int group) {
        to.weights().enter(groups.get(group), groups.get(0));
        to.sums().enter(groups.get(group), groups.get(0));
    }

    private void leaveBackward(Gradients to, int group) {
        to.sums().leave(groups.get(group));
        to.weights().leave(groups.get(group));
    }

    @Override
    public void visitGroups(Gradients to) {
        for (Group group : groups) {
            to.weights().enter(group, groups.get(1));
            to.weights().leave(group);
        }
        for (int i = groups.size() - 1; i >= 0; i--) {
            enterBackward(to, i);
            leaveBackward(to, i);
        }
    }
}
