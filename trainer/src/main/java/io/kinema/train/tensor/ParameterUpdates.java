package io.kinema.train.tensor;

/**
 * What a {@link Device} does to flat vectors of parameters, gradients and moments. Ranks cut them among themselves, and
 * parameters' attributes cut them further: each element is treated alike wherever it stands.
 */
public interface ParameterUpdates {

    /** Elements: flat vectors are cut between ranks at multiples of this only. */
    int SHARD_ALIGNMENT = 1024;

    /**
     * Sums the squares of consecutive blocks, each without regard to where in the vector it stands.
     *
     * @param vector its size a multiple of {@code block}
     * @param block elements a block
     * @param sums receives one sum a block, accumulated in float64, not finite where the block is not
     * @param first where the first block's sum goes; scalars before and behind stay
     */
    void sumOfSquares(Tensor vector, int block, Scalars sums, int first);

    /**
     * Adds scalars up, from the first to the last.
     *
     * @param terms the scalars
     * @param count how many of them, from the first on
     * @param into receives the sum
     * @param index where
     */
    void sum(Scalars terms, int count, Scalars into, int index);

    /**
     * Updates a contiguous range of parameters by AdamW, in one call for all its stretches of equal attributes.
     *
     * @param param is changed
     * @param grad the gradient, before {@link AdamWStep#gradScale()}
     * @param firstMoment is changed
     * @param secondMoment is changed
     * @param working receives the updated parameters in its own type; {@code param} itself where there is no such copy
     * @param step the scalars, and which elements they are for
     */
    void adamw(Tensor param, Tensor grad, Tensor firstMoment, Tensor secondMoment, Tensor working, AdamWStep step);

    /**
     * Moves an exponential moving average: {@code average = decay·average + (1 − decay)·param}.
     *
     * @param average is changed
     * @param param the newest value
     * @param decay in [0, 1)
     */
    void ema(Tensor average, Tensor param, double decay);
}
