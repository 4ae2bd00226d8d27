package io.kinema.recaption.captioner.network;

import java.util.Arrays;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Rows of text for a graph. Each has a window of tokens, the index of its subject, and the next token if known. */
public final class TextRows {
    private final int window;
    private float[] windows = new float[0];
    private float[] subjects = new float[0];
    private float[] next = new float[0];
    private int numRows;

    /**
     * Begins without rows.
     *
     * @param window tokens of a window
     */
    public TextRows(int window) {
        this.window = window;
    }

    /**
     * Adds a row for each token of a text but the first.
     *
     * @param tokens of the text
     * @param subject index of its subject
     */
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

    /**
     * The windows of all rows.
     *
     * @return {@code [rows·window, 1]}
     */
    public INDArray windows() {
        return column(windows, numRows * window);
    }

    /**
     * The subjects of all rows.
     *
     * @return {@code [rows, 1]}
     */
    public INDArray subjects() {
        return column(subjects, numRows);
    }

    /**
     * The next tokens of all rows.
     *
     * @return {@code [rows, 1]}
     */
    public INDArray next() {
        return column(next, numRows);
    }

    private static INDArray column(float[] values, int length) {
        return Nd4j.create(Arrays.copyOf(values, length), new long[] {length, 1}, 'c');
    }
}
