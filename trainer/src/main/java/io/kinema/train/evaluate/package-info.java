/** How well a checkpoint predicts clips that it was not trained on;

 docs/numerics.md, "Held-out loss". */
package io.kinema.train.evaluate;
