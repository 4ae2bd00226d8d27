/** Checkpoints: safetensors, a manifest that vouches for them, and the folder that they collect in. */
package io.kinema.train.checkpoint;
