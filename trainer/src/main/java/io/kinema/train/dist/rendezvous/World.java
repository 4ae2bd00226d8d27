package io.kinema.train.dist.rendezvous;

import java.util.List;

/**
 * The ranks of a run, as every one of them knows it after the rendezvous.
 *
 * @param rank this process
 * @param runId the run that all belong to
 * @param peers every rank, this one included, in rank order
 */
public record World(int rank, String runId, List<Peer> peers) {
    /**
     * One rank of the run.
     *
     * @param rank 0 to worldSize − 1
     * @param host ranks of equal host share a media driver
     * @param udpEndpoint host:port that this rank receives on
     */
    public record Peer(int rank, String host, String udpEndpoint) {}

    /**
     * Copies the peers.
     *
     * @throws IllegalArgumentException when a rank is missing or out of order
     */
    public World {
        peers = List.copyOf(peers);
        for (int r = 0; r < peers.size(); r++) {
            if (peers.get(r).rank() != r) {
                throw new IllegalArgumentException("peers are not in rank order: " + peers);
            }
        }
        if (rank < 0 || rank >= peers.size()) {
            throw new IllegalArgumentException("rank " + rank + " of " + peers.size());
        }
    }

    /**
     * Returns the number of ranks.
     *
     * @return N, at least 1
     */
    public int worldSize() {
        return peers.size();
    }
}
