package io.kinema.recaption.captioner;

/** A model that predicts the next token of texts. */
public interface NextToken {
    /**
     * Predicts the next token of each text.
     *
     * @param texts the tokens of each text so far, from its beginning on
     * @param subjects for each text, the index of the subject that it is about, among those that the model was shown
     * @return natural logarithms of probabilities, {@code [texts][vocabulary]}
     */
    float[][] logProbabilities(int[][] texts, int[] subjects);
}
