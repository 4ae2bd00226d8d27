package io.kinema.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * One line of the comparison.
 *
 * @param megabytes of fp32 that each rank has, 2^20 bytes each
 * @param ranks how many
 * @param kinemaMs the median of Kinema's rounds, one all-reduce
 * @param peerMs of the peers that are here
 */
record AllReduceResult(int megabytes, int ranks, double kinemaMs, Map<AllReducePeer, Double> peerMs) {
    static final int MEGABYTE = 1 << 20;

    private static final ObjectMapper JSON = new ObjectMapper();

    /** 10^9 bytes of the vector a second. */
    private double gigabytesPerSecond(double ms) {
        return megabytes * (double) MEGABYTE / ms / 1e6;
    }

    /** The table, in Markdown. */
    static String table(List<AllReduceResult> results) {
        StringBuilder text = new StringBuilder("""
                | MB | ranks | Kinema ms | GB/s | Gloo ms | GB/s | Open MPI ms | GB/s | Gloo ms / Kinema ms | \
                Open MPI ms / Kinema ms |
                |---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
                """);
        for (AllReduceResult result : results) {
            text.append(format("| %d | %d |", result.megabytes, result.ranks));
            text.append(result.columns(result.kinemaMs));
            for (AllReducePeer peer : AllReducePeer.values()) {
                text.append(result.peerMs.containsKey(peer) ? result.columns(result.peerMs.get(peer)) : " – | – |");
            }
            for (AllReducePeer peer : AllReducePeer.values()) {
                text.append(
                        result.peerMs.containsKey(peer)
                                ? format(" %.2f |", result.peerMs.get(peer) / result.kinemaMs)
                                : " – |");
            }
            text.append('\n');
        }
        return text.toString();
    }

    private String columns(double ms) {
        return format(" %.2f | %.2f |", ms, gigabytesPerSecond(ms));
    }

    /**
     * Writes a list of objects with {@code megabytes, ranks, kinemaMs, glooMs, mpiMs}; null is a peer that is not here.
     */
    static void write(Path file, List<AllReduceResult> results) throws IOException {
        ArrayNode list = JSON.createArrayNode();
        for (AllReduceResult result : results) {
            ObjectNode node = list.addObject();
            node.put("megabytes", result.megabytes).put("ranks", result.ranks).put("kinemaMs", result.kinemaMs);
            for (AllReducePeer peer : AllReducePeer.values()) {
                node.put(peer.flag() + "Ms", result.peerMs.get(peer));
            }
        }
        Files.writeString(
                file, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(list) + System.lineSeparator());
    }

    private static String format(String pattern, Object... values) {
        return String.format(Locale.ROOT, pattern, values);
    }
}
