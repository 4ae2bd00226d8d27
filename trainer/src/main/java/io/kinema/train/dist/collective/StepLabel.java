package io.kinema.train.dist.collective;

/**
 * What a collective is for; it stands in every message about it, step and bucket in every frame. They must be the same
 * on every rank.
 *
 * @param step the training step, counted from 1 as in {@code metrics.jsonl}; of a checkpoint the last step that it
 *     holds; 0 before the first
 * @param what the vector or the decision, as in "gradients"
 * @param bucket which part of the vector, where it travels in parts; else 0
 */
public record StepLabel(long step, String what, int bucket) {
    /**
     * Labels what travels as a whole.
     *
     * @param step the training step, from 1
     * @param what the vector or the decision
     */
    public StepLabel(long step, String what) {
        this(step, what, 0);
    }

    @Override
    public String toString() {
        return "step " + step + " (" + what + (bucket == 0 ? "" : ", bucket " + bucket) + ")";
    }
}
