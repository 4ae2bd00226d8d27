package io.kinema.train.step;

import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.Parameters;
import io.kinema.train.tensor.Tensor;

/** The weights that layers multiply by. */
public interface WorkingWeights extends Parameters {
    /**
     * Returns the part of a group that this rank's updates change.
     *
     * @param group of the model
     * @return [size of the shard], or [1] where that is 0
     */
    Tensor shard(Group group);

    /**
     * Returns how much memory they take on this rank.
     *
     * @return bytes
     */
    long bytes();

    /**
     * Says that every rank has changed its shard of a group; every rank does so for the same groups in the same order.
     *
     * @param group of the model
     */
    void beginGather(Group group);
}
