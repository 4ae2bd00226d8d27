package io.kinema.recaption.captioner;

/** A model that continues texts. */
public interface NextToken {
    /**
     * How likely each token is to be the next.
     *
     * @param texts the tokens so far of each text, first those that it began with
     * @param subjects for each text, which of what the model was shown it is about
     * @return natural logarithms of probabilities, {@code [texts][vocabulary]}
     */
    float[][] logProbabilities(int[][] texts, int[] subjects);
}
