package io.kinema.train.checkpoint;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;

/**
 * {@code launch/checkpoint.sh diff}: what two checkpoints do not have in common. Files are mapped, so models need not
 * fit into memory.
 */
final class DiffCommand {
    private static final int DIFFERENT = 1;
    private static final int LABEL_COLUMNS = 14;

    private static final class Flags {
        @Parameter(description = "CHECKPOINT CHECKPOINT")
        private List<String> folders = new ArrayList<>();
    }

    private DiffCommand() {}

    static int run(String... args) throws IOException {
        Flags flags = new Flags();
        CommandLine line = new CommandLine(
                CheckpointCommand.PROGRAM + " diff",
                "says what differs between two checkpoints, however many ranks wrote each: step, seed, data,"
                        + " model, flags;"
                        + " then of each tensor of the weights, their average and the optimizer's moments"
                        + " whether all bits are"
                        + " equal, or how many elements are not, and by how much at most (relative: to the"
                        + " larger of the two)."
                        + " The exit code is 0 if all tensors are equal, 1 if not",
                flags);
        if (!line.parse(args)) {
            return 0;
        }
        List<Path> folders = CheckpointCommand.folders("diff", flags.folders, 2);
        Checkpoint a = Checkpoint.open(CheckpointFolder.newestAt(folders.getFirst()));
        Checkpoint b = Checkpoint.open(CheckpointFolder.newestAt(folders.getLast()));
        try (ReadProgress progress = ReadProgress.of("verifying", a.totalBytes() + b.totalBytes())) {
            a.verify(progress);
            b.verify(progress);
        }
        printStates(a.state(), b.state());
        return printTensors(a, b) ? 0 : DIFFERENT;
    }

    private static void printStates(CheckpointState a, CheckpointState b) {
        Map<String, Object> left = facts(a);
        Map<String, Object> right = facts(b);
        left.forEach((label, value) -> {
            String both = value.equals(right.get(label)) ? value + " in both" : value + " and " + right.get(label);
            System.out.printf(Locale.ROOT, "%-" + LABEL_COLUMNS + "s %s%n", label, both);
        });
        printLines("- ", a.flags(), b.flags());
        printLines("+ ", b.flags(), a.flags());
    }

    private static Map<String, Object> facts(CheckpointState state) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("step", state.step());
        facts.put("seed", state.seed());
        facts.put("data", state.dataSha256());
        facts.put("microbatches", state.cursor().microbatches());
        facts.put("tokens", state.cursor().tokens());
        facts.put("model", state.config().model());
        facts.put("diffusion", state.config().diffusion());
        facts.put("time shift", state.config().timeShift());
        facts.put("precision", state.config().precision());
        facts.put("skipped steps", state.skippedSteps());
        facts.put("loss scale", state.lossScale());
        return facts;
    }

    private static void printLines(String mark, List<String> lines, List<String> others) {
        lines.stream()
                .filter(line -> line.startsWith("--") && !others.contains(line))
                .forEach(line -> System.out.println(mark + line));
    }

    private static boolean printTensors(Checkpoint a, Checkpoint b) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            Tally weights = new Tally("model");
            weights.compare(
                    StoredTensor.weights(a.folder().resolve(Checkpoint.MODEL), arena),
                    StoredTensor.weights(b.folder().resolve(Checkpoint.MODEL), arena));
            Tally average = new Tally("ema");
            average.compare(
                    StoredTensor.weights(a.folder().resolve(Checkpoint.EMA), arena),
                    StoredTensor.weights(b.folder().resolve(Checkpoint.EMA), arena));
            Tally optimizer = new Tally("optimizer");
            optimizer.compare(
                    StoredTensor.moments(a.optimizerFiles(), arena), StoredTensor.moments(b.optimizerFiles(), arena));
            List<Tally> all = List.of(weights, average, optimizer);
            all.forEach(Tally::print);
            return all.stream().allMatch(tally -> tally.numUnequal == 0);
        }
    }

    /** The tensors of one kind. */
    private static final class Tally {
        private final String kind;
        private int numTensors;
        private int numUnequal;

        Tally(String kind) {
            this.kind = kind;
        }

        void compare(SequencedMap<String, StoredTensor> a, SequencedMap<String, StoredTensor> b) throws IOException {
            Set<String> names = new LinkedHashSet<>(a.keySet());
            names.addAll(b.keySet());
            for (String name : names) {
                String found = !b.containsKey(name)
                        ? "only in the first"
                        : !a.containsKey(name) ? "only in the second" : difference(a.get(name), b.get(name));
                numTensors++;
                numUnequal += found.isEmpty() ? 0 : 1;
                System.out.println(kind + " " + name + ": " + (found.isEmpty() ? "equal" : found));
            }
        }

        private static String difference(StoredTensor a, StoredTensor b) throws IOException {
            if (!a.shape().equals(b.shape())) {
                return "shape " + a.shape() + " and " + b.shape();
            }
            StoredTensor.Difference found = a.compare(b);
            return found.numUnequal() == 0
                    ? ""
                    : String.format(
                            Locale.ROOT,
                            "%d of %d elements differ, by %.3g at most, relative %.3g",
                            found.numUnequal(),
                            a.numElements(),
                            found.maxAbsolute(),
                            found.maxRelative());
        }

        void print() {
            String how = numUnequal == 0 ? "all equal bit for bit" : numUnequal + " differ";
            System.out.printf(Locale.ROOT, "%-" + LABEL_COLUMNS + "s %d tensors, %s%n", kind, numTensors, how);
        }
    }
}
