package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.tensor.Tensor;

/**
 * One tensor for each parameter of a model: its weights, or the gradients that a pass adds to. A pass says which group
 * it works with, so that weights may come just before they are needed and gradients leave as soon as they are complete.
 */
public interface Parameters {
    /**
     * Returns one parameter.
     *
     * @param entry of a group that the pass has entered and not left
     * @return its values
     */
    Tensor get(Entry entry);

    /**
     * Begins to work with a group.
     *
     * @param group which
     * @param next the group that is entered after this one has been left; the same one where the pass turns
     */
    default void enter(Group group, Group next) {}

    /**
     * Ends the work with a group.
     *
     * @param group the one that was entered last
     */
    default void leave(Group group) {}
}
