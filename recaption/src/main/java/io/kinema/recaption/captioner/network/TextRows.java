package io.kinema.recaption.captioner.network;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Rows of text for a graph: a window of tokens each, what it is about, and, where known, the token that comes next. */
public final class TextRows {
    private final int window;
    private float[] windows = new float[0];
    private float[] subjects = new float[0];
    private float[] next = new float[0];
    private int numRows;

    public TextRows(int window) {
        this.window = window;
    }

    /** Adds a row for each token of a text but the first. */
    public void addAll(int[] tokens, int subject) {
        for (int length = 1; length < tokens.length; length++) {
            add(tokens, length, subject);
            next[numRows - 1] = tokens[length];
        }
    }

    /** Adds the row that comes after the first {@code length} tokens. */
    void add(int[] tokens, int length, int subject) {
        if (numRows == subjects.length) {
            int capacity = Math.max(64, 2 * numRows);
            windows = Arrays.copyOf(windows, capacity * window);
            subjects = Arrays.copyOf(subjects, capacity);
            next = Arrays.copyOf(next, capacity);
        }
        Words.window(tokens, length, windows, numRows * window, window);
        subjects[numRows++] = subject;
    }

    int numRows() {
        return numRows;
    }

    public INDArray windows() {
        return column(windows, numRows * window);
    }

    public INDArray subjects() {
        return column(subjects, numRows);
    }

    public INDArray next() {
        return column(next, numRows);
    }

    private static INDArray column(float[] values, int length) {
        return Nd4j.create(Arrays.copyOf(values, length), new long[] {length, 1}, 'c');
    }
}
