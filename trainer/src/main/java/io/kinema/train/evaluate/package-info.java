/**
 * How well a checkpoint predicts clips that it was not trained on;
 *
 * <p>docs/numerics.md, "Held-out loss".
 */
package io.kinema.train.evaluate;
