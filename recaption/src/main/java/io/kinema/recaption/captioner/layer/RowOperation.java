package io.kinema.recaption.captioner.layer;

import org.nd4j.shade.jackson.annotation.JsonProperty;
import org.nd4j.shade.jackson.annotation.JsonSubTypes;
import org.nd4j.shade.jackson.annotation.JsonTypeInfo;

/**
 * The captioner's operations on matrices that have no weights and no state, forward and backward side by side. A
 * {@link RowVertex} makes an operation a part of a graph.
 *
 * <p>Letters of shapes: B clips, F frames of a clip, P places of a picture, C channels, R rows of text.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "operation")
@JsonSubTypes({
    @JsonSubTypes.Type(RowOperation.StackFrames.class),
    @JsonSubTypes.Type(RowOperation.Pool.class),
    @JsonSubTypes.Type(RowOperation.Attend.class),
    @JsonSubTypes.Type(RowOperation.OfSubject.class),
    @JsonSubTypes.Type(RowOperation.Join.class)
})
public sealed interface RowOperation {
    /**
     * The number of matrices that go in.
     *
     * @return at least 1
     */
    int numInputs();

    /**
     * The number of rows that come out.
     *
     * @param inputs the matrices that go in
     * @return at least 1
     */
    int outRows(FloatRows[] inputs);

    /**
     * The number of columns that come out.
     *
     * @param inputColumns columns of each input
     * @return at least 1
     */
    int outColumns(int[] inputColumns);

    /**
     * Computes the output.
     *
     * @param inputs the matrices that go in
     * @param out the output; every value is written
     */
    void forward(FloatRows[] inputs, FloatRows out);

    /**
     * Computes the gradients of all inputs.
     *
     * @param inputs the matrices that went in
     * @param outGradient gradient of the output
     * @param gradients gradients of the inputs, all 0 before the call
     */
    void backward(FloatRows[] inputs, FloatRows outGradient, FloatRows[] gradients);

    /**
     * Lays the frames of a clip behind one another in the channels of each place: {@code [B·F·P, C]} to {@code [B·P,
     * F·C]}.
     *
     * @param numFrames F
     * @param numPlaces P
     */
    record StackFrames(
            @JsonProperty("numFrames") int numFrames,
            @JsonProperty("numPlaces") int numPlaces) implements RowOperation {
        @Override
        public int numInputs() {
            return 1;
        }

        @Override
        public int outRows(FloatRows[] inputs) {
            return inputs[0].rows() / numFrames;
        }

        @Override
        public int outColumns(int[] inputColumns) {
            return inputColumns[0] * numFrames;
        }

        @Override
        public void forward(FloatRows[] inputs, FloatRows out) {
            int channels = inputs[0].columns();
            for (int row = 0; row < inputs[0].rows(); row++) {
                out.copyFrom(inputs[0], row, 0, outRow(row), outColumn(row, channels), channels);
            }
        }

        @Override
        public void backward(FloatRows[] inputs, FloatRows outGradient, FloatRows[] gradients) {
            int channels = inputs[0].columns();
            for (int row = 0; row < inputs[0].rows(); row++) {
                gradients[0].copyFrom(outGradient, outRow(row), outColumn(row, channels), row, 0, channels);
            }
        }

        private int outRow(int row) {
            return row / (numFrames * numPlaces) * numPlaces + row % numPlaces;
        }

        private int outColumn(int row, int channels) {
            return row / numPlaces % numFrames * channels;
        }
    }

    /**
     * Takes the mean and the largest value of every n rows, column by column, side by side: {@code [B·n, C]} to
     * {@code [B, 2·C]}.
     *
     * @param numRows n
     */
    record Pool(@JsonProperty("numRows") int numRows) implements RowOperation {
        @Override
        public int numInputs() {
            return 1;
        }

        @Override
        public int outRows(FloatRows[] inputs) {
            return inputs[0].rows() / numRows;
        }

        @Override
        public int outColumns(int[] inputColumns) {
            return 2 * inputColumns[0];
        }

        @Override
        public void forward(FloatRows[] inputs, FloatRows out) {
            FloatRows in = inputs[0];
            for (int group = 0; group < out.rows(); group++) {
                for (int column = 0; column < in.columns(); column++) {
                    float sum = 0;
                    for (int row = group * numRows; row < (group + 1) * numRows; row++) {
                        sum += in.get(row, column);
                    }
                    out.set(group, column, sum / numRows);
                    out.set(group, in.columns() + column, in.get(largest(in, group, column), column));
                }
            }
        }

        @Override
        public void backward(FloatRows[] inputs, FloatRows outGradient, FloatRows[] gradients) {
            FloatRows in = inputs[0];
            FloatRows gradient = gradients[0];
            for (int row = 0; row < in.rows(); row++) {
                gradient.add(1f / numRows, outGradient, row / numRows, 0, row, 0, in.columns());
            }
            for (int group = 0; group < outGradient.rows(); group++) {
                for (int column = 0; column < in.columns(); column++) {
                    int row = largest(in, group, column);
                    gradient.set(
                            row, column, gradient.get(row, column) + outGradient.get(group, in.columns() + column));
                }
            }
        }

        /** The first row with the largest value. */
        private int largest(FloatRows in, int group, int column) {
            int best = group * numRows;
            for (int row = best + 1; row < (group + 1) * numRows; row++) {
                if (in.get(row, column) > in.get(best, column)) {
                    best = row;
                }
            }
            return best;
        }
    }

    /**
     * Attention of rows of text over the places of what they are about (Vaswani et al., 1706.03762, section 3.2.1):
     * queries {@code [R, D]}, keys {@code [B·P, D]}, values {@code [B·P, C]} and subjects {@code [R, 1]}, 0 to B − 1,
     * to {@code [R, C]}.
     *
     * @param numPlaces P
     */
    record Attend(@JsonProperty("numPlaces") int numPlaces) implements RowOperation {
        @Override
        public int numInputs() {
            return 4;
        }

        @Override
        public int outRows(FloatRows[] inputs) {
            return inputs[0].rows();
        }

        @Override
        public int outColumns(int[] inputColumns) {
            return inputColumns[2];
        }

        @Override
        public void forward(FloatRows[] inputs, FloatRows out) {
            out.clear();
            float[] shares = new float[numPlaces];
            for (int row = 0; row < out.rows(); row++) {
                int first = attend(inputs, row, shares);
                for (int place = 0; place < numPlaces; place++) {
                    out.add(shares[place], inputs[2], first + place, row);
                }
            }
        }

        /** Computes the share of each place in a row's attention; returns the row of the first place. */
        private int attend(FloatRows[] inputs, int row, float[] shares) {
            int first = Math.round(inputs[3].get(row, 0)) * numPlaces;
            float scale = scale(inputs);
            float largest = Float.NEGATIVE_INFINITY;
            for (int place = 0; place < numPlaces; place++) {
                shares[place] = scale * inputs[0].dot(row, inputs[1], first + place);
                largest = Math.max(largest, shares[place]);
            }
            float sum = 0;
            for (int place = 0; place < numPlaces; place++) {
                shares[place] = (float) StrictMath.exp(shares[place] - largest);
                sum += shares[place];
            }
            for (int place = 0; place < numPlaces; place++) {
                shares[place] /= sum;
            }
            return first;
        }

        private static float scale(FloatRows[] inputs) {
            return (float) (1 / Math.sqrt(inputs[0].columns()));
        }

        @Override
        public void backward(FloatRows[] inputs, FloatRows outGradient, FloatRows[] gradients) {
            float[] shares = new float[numPlaces];
            float[] ofShares = new float[numPlaces];
            for (int row = 0; row < outGradient.rows(); row++) {
                int first = attend(inputs, row, shares);
                float mean = 0;
                for (int place = 0; place < numPlaces; place++) {
                    gradients[2].add(shares[place], outGradient, row, first + place);
                    ofShares[place] = outGradient.dot(row, inputs[2], first + place);
                    mean += shares[place] * ofShares[place];
                }
                for (int place = 0; place < numPlaces; place++) {
                    float ofScore = scale(inputs) * shares[place] * (ofShares[place] - mean);
                    gradients[0].add(ofScore, inputs[1], first + place, row);
                    gradients[1].add(ofScore, inputs[0], row, first + place);
                }
            }
        }
    }

    /**
     * Copies to each row of text the row of its subject: {@code [B, C]} and subjects {@code [R, 1]} to {@code [R, C]}.
     */
    record OfSubject() implements RowOperation {
        @Override
        public int numInputs() {
            return 2;
        }

        @Override
        public int outRows(FloatRows[] inputs) {
            return inputs[1].rows();
        }

        @Override
        public int outColumns(int[] inputColumns) {
            return inputColumns[0];
        }

        @Override
        public void forward(FloatRows[] inputs, FloatRows out) {
            for (int row = 0; row < out.rows(); row++) {
                out.copyFrom(inputs[0], Math.round(inputs[1].get(row, 0)), 0, row, 0, out.columns());
            }
        }

        @Override
        public void backward(FloatRows[] inputs, FloatRows outGradient, FloatRows[] gradients) {
            for (int row = 0; row < outGradient.rows(); row++) {
                gradients[0].add(1, outGradient, row, Math.round(inputs[1].get(row, 0)));
            }
        }
    }

    /**
     * Joins every n rows to one: {@code [R·n, C]} to {@code [R, n·C]}.
     *
     * @param numRows n
     */
    record Join(@JsonProperty("numRows") int numRows) implements RowOperation {
        @Override
        public int numInputs() {
            return 1;
        }

        @Override
        public int outRows(FloatRows[] inputs) {
            return inputs[0].rows() / numRows;
        }

        @Override
        public int outColumns(int[] inputColumns) {
            return inputColumns[0] * numRows;
        }

        @Override
        public void forward(FloatRows[] inputs, FloatRows out) {
            out.memory().copyFrom(inputs[0].memory());
        }

        @Override
        public void backward(FloatRows[] inputs, FloatRows outGradient, FloatRows[] gradients) {
            gradients[0].memory().copyFrom(outGradient.memory());
        }
    }
}
