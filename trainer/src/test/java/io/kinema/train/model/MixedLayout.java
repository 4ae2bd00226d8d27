package io.kinema.train.model;

import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterLayout.Init;
import io.kinema.train.tensor.ParameterAttributes;

/** Two groups whose parameters begin and end at odd places and are trained in different ways. */
public final class MixedLayout {
    private static final ParameterAttributes DECAYED = ParameterAttributes.DECAYED;
    private static final ParameterAttributes NOT_DECAYED = ParameterAttributes.NOT_DECAYED;
    private static final ParameterAttributes NOT_TRAINED = new ParameterAttributes(false, true, 1);
    private static final ParameterAttributes SLOW = new ParameterAttributes(true, true, 0.5);

    private MixedLayout() {}

    /** Returns the layout. */
    public static ParameterLayout layout() {
        ParameterLayout layout = new ParameterLayout();
        layout.begin("first");
        layout.add("first.weight", Init.XAVIER, DECAYED, 37, 29);
        layout.add("first.bias", Init.ZEROS, NOT_DECAYED, 29);
        layout.add("first.norm", Init.ONES, NOT_DECAYED, 5);
        layout.add("first.still", Init.XAVIER, NOT_TRAINED, 31, 43);
        layout.add("first.slow", Init.EMBEDDING, SLOW, 3, 7);
        layout.add("first.last", Init.XAVIER, DECAYED, 41, 17);
        layout.begin("second");
        layout.add("second.still", Init.EMBEDDING, NOT_TRAINED, 1023, 1);
        layout.add("second.weight", Init.XAVIER, DECAYED, 13, 11);
        layout.add("second.bias", Init.ONES, NOT_DECAYED, 13);
        return layout;
    }

    /** Returns the first group, of four blocks. */
    public static Group group() {
        return layout().groups().getFirst();
    }
}
