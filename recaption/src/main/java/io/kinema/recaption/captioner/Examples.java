package io.kinema.recaption.captioner;

import java.util.List;

/** What a model that writes texts is trained on. */
interface Examples extends AutoCloseable {
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
     * @param right to be moved by so many pixels to the right, where there are any
     * @param down the same downwards
     * @param out where to write
     * @param offset the first value to write
     */
    void show(int index, int right, int down, float[] out, int offset);

    /** The texts of an example, each from the token that it begins with to the one that ends it. */
    List<int[]> texts(int index);

    @Override
    void close();
}
