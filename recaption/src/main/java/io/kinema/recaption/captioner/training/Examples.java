package io.kinema.recaption.captioner.training;

import io.kinema.recaption.captioner.network.CaptionGraph;
import java.util.List;

/** What a model that writes texts is trained on. */
public interface Examples extends AutoCloseable {
    /** As many as any kind of example needs. */
    int NUM_DRAWS = 72;

    /** How many there are. */
    int count();

    /** What an example is from: examples of one source are all learned from, or all held out. */
    String source(int index);

    /** Columns of the input's rows. */
    int inputColumns();

    /**
     * Writes what an example's texts are about, as the input of a {@link CaptionGraph.Source}.
     *
     * @param index of the example
     * @param draws numbers in (0, 1), {@link #NUM_DRAWS} of them, that say how to change it; none for it as it is
     * @param out where to write
     * @param offset the first value to write
     */
    void show(int index, double[] draws, float[] out, int offset);

    /** The texts of an example, each from the token that it begins with to the one that ends it. */
    List<int[]> texts(int index);

    @Override
    void close();
}
