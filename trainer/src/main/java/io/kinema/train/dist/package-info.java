/**
 * Processes, rendezvous and collectives: how N ranks become one training run.
 *
 * <p>{@link io.kinema.train.dist.RankProcesses} starts the ranks of a host,
 * {@link io.kinema.train.dist.RendezvousServer} lets them find each other,
 * {@link io.kinema.train.dist.MediaDriverHost} carries their bytes and
 * {@link io.kinema.train.dist.Collectives} sums and gathers vectors so that the result does not depend on N.
 */
package io.kinema.train.dist;
