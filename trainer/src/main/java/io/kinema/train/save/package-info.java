/** Checkpoints of a training that goes on: saving, restoring, and going back, on all ranks together. */
package io.kinema.train.save;
