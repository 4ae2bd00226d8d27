/** Who takes part in a run, and the secret that each participant proves to know. */
package io.kinema.train.dist.rendezvous;
