package io.kinema.train.memory;

import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Dataset;
import io.kinema.train.dist.reduction.Reduction;
import io.kinema.train.dist.reduction.Wire;
import io.kinema.train.dist.transport.MediaDriverHost;
import io.kinema.train.input.ClipOrder;
import io.kinema.train.model.Recompute;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.tensor.Precision;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;

/** Estimates the memory of a run before its first step, and refuses what this host cannot hold. */
public final class MemoryCheck {
    /** Classes, compiled code, threads' stacks and oneDNN's compiled kernels, measured. */
    private static final long JVM_BYTES = 160L << 20;

    private static final double MEGABYTE = 1e6;

    private final Dataset dataset;
    private final RankMemory.Setup asked;
    private final Limits limits;

    private MemoryCheck(Dataset dataset, RankMemory.Setup asked, Limits limits) {
        this.dataset = dataset;
        this.asked = asked;
        this.limits = limits;
    }

    /**
     * What there is.
     *
     * @param host what all processes together may take; empty where that is not known
     * @param node what each rank may take; empty for no limit
     */
    public record Limits(OptionalLong host, OptionalLong node) {
        boolean allow(List<RankMemory> ranks) {
            return bytesOfAll(ranks) <= host.orElse(Long.MAX_VALUE)
                    && ranks.stream().allMatch(rank -> bytes(rank) <= node.orElse(Long.MAX_VALUE));
        }
    }

    /**
     * Estimates.
     *
     * @param dataset of the run
     * @param asked what the flags ask for
     * @param limits what there is
     * @return the estimate, to be printed; lines
     * @throws ConfigException when it does not fit; the message names what would
     * @throws IOException when a shard is damaged
     */
    public static String require(Dataset dataset, RankMemory.Setup asked, Limits limits) throws IOException {
        MemoryCheck check = new MemoryCheck(dataset, asked, limits);
        List<RankMemory> ranks = RankMemory.of(asked, LargestMicrobatches.of(dataset, asked.config()));
        long largest = ranks.stream().mapToLong(MemoryCheck::bytes).max().orElseThrow();
        if (largest > limits.node.orElse(Long.MAX_VALUE)) {
            throw new ConfigException("training needs " + text(largest) + " on each of " + ranks(asked.nodes())
                    + ", --memory-per-node allows " + text(limits.node.getAsLong()) + "; " + check.advice());
        }
        long totalBytes = bytesOfAll(ranks);
        if (totalBytes > limits.host.orElse(Long.MAX_VALUE)) {
            throw new ConfigException("training needs " + text(totalBytes) + " on " + ranks(asked.nodes())
                    + ", this host has " + text(limits.host.getAsLong()) + " available; " + check.advice());
        }
        return table(asked, ranks.getFirst(), totalBytes, limits.host);
    }

    private static long bytesOfAll(List<RankMemory> ranks) {
        return MediaDriverHost.streamBytes(ranks.size())
                + ranks.stream().mapToLong(MemoryCheck::bytes).sum();
    }

    private static long bytes(RankMemory rank) {
        return rank.totalBytes() + jvmBytes();
    }

    /** What Java itself takes in a rank: the launcher has the ranks' flags, so its heap begins like theirs. */
    static long jvmBytes() {
        long heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getInit();
        return JVM_BYTES + Math.max(heap, 0);
    }

    /** A change of flags that lowers what is needed. */
    private record Change(String flags, RankMemory.Setup need) {}

    /** Which flags would make it fit: each that does by itself, or as many together as it takes. */
    private String advice() throws IOException {
        List<String> alone = new ArrayList<>();
        for (List<Change> changes : changes(asked)) {
            for (Change change : changes) {
                if (fits(change.need)) {
                    alone.add(change.flags);
                    break;
                }
            }
        }
        if (!alone.isEmpty()) {
            return "it fits with " + String.join(", or ", alone);
        }
        List<String> combined = new ArrayList<>();
        RankMemory.Setup need = asked;
        for (int kind = 0; kind < changes(asked).size(); kind++) {
            for (Change change : changes(need).get(kind)) {
                if (fits(change.need)) {
                    return "it fits with " + String.join(" ", combined) + " " + change.flags;
                }
            }
            if (!changes(need).get(kind).isEmpty()) {
                Change strongest = changes(need).get(kind).getLast();
                combined.add(strongest.flags);
                need = strongest.need;
            }
        }
        return "no flag makes it fit; choose a smaller --model, or a host with more memory";
    }

    /** The changes of each flag, from the least to the most that it can do. */
    private List<List<Change>> changes(RankMemory.Setup from) {
        Recipe config = from.config();
        List<Change> copies = new ArrayList<>();
        if (from.copiesCheckpoints()) {
            copies.add(new Change("no --checkpoint-async", from.withoutCopies()));
        }
        List<Change> reduction = new ArrayList<>();
        if (config.reduction().isExact()) {
            Reduction fast = new Reduction(false, Wire.FP32);
            reduction.add(new Change("--reduction fast", from.with(config.withReduction(fast))));
        }
        List<Change> recompute = new ArrayList<>();
        if (from.recompute() == Recompute.NONE) {
            recompute.add(new Change("--recompute blocks", from.with(Recompute.BLOCKS)));
        }
        List<Change> precision = new ArrayList<>();
        if (config.precision() == Precision.FP32) {
            precision.add(new Change("--precision bf16", from.with(config.withPrecision(Precision.BF16))));
        }
        List<Change> tokens = new ArrayList<>();
        int longest = new ClipOrder(dataset, config).tokensOfLargestClip();
        for (int fewer = config.tokens() / 2; fewer >= longest; fewer /= 2) {
            tokens.add(new Change("--tokens " + fewer, from.with(config.withTokens(fewer))));
        }
        List<Change> nodes = new ArrayList<>();
        for (int fewer = from.nodes() / 2; fewer >= 1; fewer /= 2) {
            nodes.add(new Change("--nodes " + fewer, from.withNodes(fewer)));
        }
        List<Change> zero = new ArrayList<>();
        for (ZeroStage stage : ZeroStage.values()) {
            if (from.nodes() > 1 && stage.compareTo(from.zero()) > 0) {
                zero.add(new Change("--zero " + stage.number(), from.with(stage)));
            }
        }
        return List.of(copies, zero, recompute, reduction, precision, tokens, nodes);
    }

    private boolean fits(RankMemory.Setup need) throws IOException {
        return limits.allow(RankMemory.of(need, LargestMicrobatches.of(dataset, need.config())));
    }

    private static String table(RankMemory.Setup need, RankMemory first, long totalBytes, OptionalLong available) {
        StringBuilder text = new StringBuilder("memory of a rank, estimated\n");
        line(text, "weights", first.weightBytes());
        line(text, "weights laid out for products", first.packedBytes());
        line(text, "gradients", first.gradientBytes());
        line(text, "optimizer and master weights", first.optimizerBytes());
        line(text, "activations and workspace", first.workspaceBytes());
        line(text, "checkpoints", first.exchangeBytes());
        line(text, "Java itself", jvmBytes());
        line(text, "total", first.totalBytes() + jvmBytes());
        text.append(ranks(need.nodes()));
        if (need.nodes() > 1) {
            text.append(" and ")
                    .append(text(MediaDriverHost.streamBytes(need.nodes())))
                    .append(" shared between them");
        }
        text.append(": ").append(text(totalBytes));
        available.ifPresent(bytes -> text.append(" of ").append(text(bytes)).append(" available"));
        return text.append('\n').toString();
    }

    private static void line(StringBuilder text, String what, long bytes) {
        text.append(String.format(Locale.ROOT, "  %-30s %12s%n", what, text(bytes)));
    }

    private static String ranks(int nodes) {
        return nodes == 1 ? "1 rank" : nodes + " ranks";
    }

    private static String text(long bytes) {
        return String.format(Locale.ROOT, "%,.1f MB", bytes / MEGABYTE);
    }
}
