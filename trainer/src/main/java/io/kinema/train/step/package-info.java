/** One training step on one rank, from microbatches to new weights, with all that the ranks exchange in the step. */
package io.kinema.train.step;
