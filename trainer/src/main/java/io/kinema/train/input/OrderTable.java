package io.kinema.train.input;

import io.kinema.data.shard.Dataset;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.StepRange;
import java.io.PrintStream;
import java.util.Locale;

/**
 * Which clips make up which microbatch, as {@code --explain-order} prints it: a line a microbatch with its step (from
 * 1, as in the metrics), epoch and number (from 0), its tokens, and the ids of its clips in the order in which they are
 * packed.
 */
public final class OrderTable {
    private static final String HEADER = "    step   epoch  microbatch    tokens  clips\n";
    private static final String LINE = "%8d  %6d  %10d  %8d  %s\n";

    private final ClipOrder order;
    private final int numMicrobatches;

    /**
     * Begins with a data set and a recipe.
     *
     * @param dataset the clips
     * @param config of the run
     */
    public OrderTable(Dataset dataset, Recipe config) {
        this.order = new ClipOrder(dataset, config);
        this.numMicrobatches = config.microbatches();
    }

    /**
     * Prints the lines of some steps, for as long as somebody reads them.
     *
     * @param steps which to print
     * @param out where to print
     */
    public void print(StepRange steps, PrintStream out) {
        out.print(HEADER);
        for (long number = steps.first(); number <= steps.last() && !out.checkError(); number++) {
            StringBuilder lines = new StringBuilder();
            for (int microbatch = 0; microbatch < numMicrobatches; microbatch++) {
                lines.append(line(number - 1, microbatch));
            }
            out.print(lines);
        }
    }

    private String line(long step, int microbatch) {
        return String.format(
                Locale.ROOT,
                LINE,
                step + 1,
                order.epoch(step, microbatch),
                microbatch,
                order.tokens(step, microbatch),
                String.join(", ", order.ids(step, microbatch)));
    }
}
