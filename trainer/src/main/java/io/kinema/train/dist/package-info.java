/**
 * Processes, rendezvous and collectives: how N ranks become one training run.
 *
 * <p>{@link io.kinema.train.dist.process.RankProcesses} starts the ranks of a host,
 * {@link io.kinema.train.dist.rendezvous.RendezvousServer} lets them find each other,
 * {@link io.kinema.train.dist.transport.MediaDriverHost} carries their bytes and
 * {@link io.kinema.train.dist.collective.Collectives} sums and gathers vectors so that the result does not depend on N.
 */
package io.kinema.train.dist;
