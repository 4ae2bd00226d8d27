package io.kinema.benchmarks;

import java.util.ArrayList;
import java.util.List;

/**
 * A network link between two ranks, each in a network namespace of its own.
 *
 * @param namespaces of rank 0 and rank 1, as {@code ip netns} names them
 * @param addresses of rank 0 and rank 1 on the link
 * @param interfaceName the link's, the same at both ends
 */
record Link(List<String> namespaces, List<String> addresses, String interfaceName) {
    /** A command that runs where a rank is. */
    List<String> at(int rank, List<String> command) {
        List<String> inside = new ArrayList<>(List.of("ip", "netns", "exec", namespaces.get(rank)));
        inside.addAll(command);
        return inside;
    }

    int numRanks() {
        return namespaces.size();
    }
}
