package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.tensor.Tensor;

/**
 * Weights that tell how far a forward pass is: each block is left once.
 *
 * @param weights the parameters
 * @param blockDone told when a block is done
 */
public record WatchedWeights(Parameters weights, Runnable blockDone) implements Parameters {
    @Override
    public Tensor get(Entry entry) {
        return weights.get(entry);
    }

    @Override
    public void enter(Group group, Group next) {
        weights.enter(group, next);
    }

    @Override
    public void leave(Group group) {
        weights.leave(group);
        if (SpacetimeDit.isBlock(group)) {
            blockDone.run();
        }
    }
}
