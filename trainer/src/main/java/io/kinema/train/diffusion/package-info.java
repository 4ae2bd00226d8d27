/** What the network learns to predict, and the loss that teaches it; docs/numerics.md, "Diffusion". */
package io.kinema.train.diffusion;
