package io.kinema.train.dist;

/**
 * What a collective is for; it stands in every message about it, and its step in every frame.
 *
 * @param step the training step; must be the same on every rank
 * @param what the vector or the decision, as in "gradients"
 */
public record StepLabel(long step, String what) {
    @Override
    public String toString() {
        return "step " + step + " (" + what + ")";
    }
}
