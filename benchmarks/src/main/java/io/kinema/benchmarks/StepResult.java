package io.kinema.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * One line of the comparison.
 *
 * @param name of the case
 * @param precision as in {@code --precisions}
 * @param kinemaMs the median of Kinema's rounds
 * @param flops floating point operations of a step's products
 * @param peakFlops what the device's product reached in this run, a second
 * @param peer PyTorch's side, one or none
 */
record StepResult(String name, String precision, double kinemaMs, double flops, double peakFlops, List<Peer> peer) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * PyTorch's side.
     *
     * @param ms the median of its rounds
     * @param variant the fastest of its forms
     * @param note what was not tried and why, or empty
     */
    record Peer(double ms, String variant, String note) {}

    double percentOfPeak() {
        return 100 * flops / (kinemaMs / 1e3) / peakFlops;
    }

    private double ratio(Peer of) {
        return of.ms / kinemaMs;
    }

    static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /** The table, in Markdown, with the geometric mean of each precision's ratios and the peer's notes. */
    static String table(List<StepResult> results) {
        StringBuilder text = new StringBuilder("""
                | case | precision | Kinema ms | GFLOP/s | matmul peak | % of peak | PyTorch ms | its best | ratio |
                |---|---|---:|---:|---:|---:|---:|---|---:|
                """);
        StringBuilder notes = new StringBuilder();
        Set<String> precisions = new LinkedHashSet<>();
        for (StepResult result : results) {
            precisions.add(result.precision);
            text.append(format(
                    "| %s | %s | %.1f | %.0f | %.0f | %.0f |",
                    result.name,
                    result.precision,
                    result.kinemaMs,
                    result.flops / result.kinemaMs / 1e6,
                    result.peakFlops / 1e9,
                    result.percentOfPeak()));
            for (Peer peer : result.peer) {
                text.append(format(" %.1f | %s | %.2f |", peer.ms, peer.variant, result.ratio(peer)));
                if (!peer.note.isEmpty()) {
                    notes.append(format("%s %s, PyTorch: %s%n", result.name, result.precision, peer.note));
                }
            }
            text.append(result.peer.isEmpty() ? " | | |\n" : "\n");
        }
        for (String precision : precisions) {
            geometricMean(results, precision)
                    .ifPresent(mean -> text.append(format("%nGeometric mean, %s: %.2f", precision, mean)));
        }
        return text.append('\n').append(notes).toString();
    }

    private static OptionalDouble geometricMean(List<StepResult> results, String precision) {
        OptionalDouble meanLog = results.stream()
                .filter(result -> result.precision.equals(precision))
                .flatMapToDouble(result -> result.peer.stream().mapToDouble(of -> Math.log(result.ratio(of))))
                .average();
        return meanLog.isPresent() ? OptionalDouble.of(Math.exp(meanLog.getAsDouble())) : meanLog;
    }

    /**
     * Writes a list of objects with {@code case, precision, kinemaMs, percentOfPeak} and, where there is a peer,
     * {@code peerMs, ratio}.
     */
    static void write(Path file, List<StepResult> results) throws IOException {
        ArrayNode list = JSON.createArrayNode();
        for (StepResult result : results) {
            ObjectNode node = list.addObject();
            node.put("case", result.name).put("precision", result.precision).put("kinemaMs", result.kinemaMs);
            for (Peer peer : result.peer) {
                node.put("peerMs", peer.ms).put("ratio", result.ratio(peer));
            }
            node.put("percentOfPeak", result.percentOfPeak());
        }
        Files.writeString(
                file, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(list) + System.lineSeparator());
    }

    private static String format(String pattern, Object... values) {
        return String.format(Locale.ROOT, pattern, values);
    }
}
