/** Reduce-scatter, all-gather and broadcast between the ranks of a run. */
package io.kinema.train.dist.collective;
