package io.kinema.recaption.captioner.training;

import io.kinema.recaption.captioner.network.CaptionGraph;
import java.util.List;

/** The examples that a model of texts is trained on. */
public interface Examples extends AutoCloseable {
    /** The number of draws for an example; no kind of example needs more. */
    int NUM_DRAWS = 72;

    /**
     * The number of examples.
     *
     * @return at least 1
     */
    int count();

    /**
     * The source of an example. Either all examples of a source are learned from, or all are held out.
     *
     * @param index of the example
     * @return the source's name
     */
    String source(int index);

    /**
     * The number of columns of the input.
     *
     * @return at least 1
     */
    int inputColumns();

    /**
     * Writes the subject of an example's texts as the input of a {@link CaptionGraph.Source}.
     *
     * @param index of the example
     * @param draws {@link #NUM_DRAWS} numbers in (0, 1) that change the subject at random; empty for no change
     * @param out where to write
     * @param offset the first value to write
     */
    void show(int index, double[] draws, float[] out, int offset);

    /**
     * The texts of an example.
     *
     * @param index of the example
     * @return tokens of each text, from its first token to its end token
     */
    List<int[]> texts(int index);

    @Override
    void close();
}
