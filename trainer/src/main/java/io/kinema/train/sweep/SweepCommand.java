package io.kinema.train.sweep;

import io.kinema.data.command.Command;
import io.kinema.data.command.CommandLine;
import java.util.List;

/**
 * The command {@code launch/sweep.sh}: many trainings, the scaling law that they follow, and what that says of the next
 * one.
 */
public final class SweepCommand {
    static final String PROGRAM = "launch/sweep.sh";

    private static final String USAGE = """
            %1$s — says which model a budget should buy

            usage: %1$s run --sweep SWEEP [flags]
                   %1$s status SWEEP
                   %1$s fit --points FILE [flags]
                   %1$s recommend --fit FIT --flops C [flags]
                   %1$s plot --fit FIT --output REPORT.html

              run
                  Train a family of models, measure their loss on held-out clips, and write points.csv
              status
                  Say how far a sweep has come
              fit
                  Fit scaling laws to points, with intervals
              recommend
                  Say what size and how much data are best for a budget, and what loss to expect
              plot
                  Draw the fit: a report (HTML) that stands by itself, and its pictures (PNG, SVG)

            How to read the results: docs/scaling-laws.md. Each command explains itself: %1$s fit --help
            """;

    private SweepCommand() {}

    /**
     * Runs the command and ends the JVM with its exit code.
     *
     * @param args {@code run …}, {@code status …}, {@code fit …}, {@code recommend …} or {@code plot …}
     */
    public static void main(String[] args) {
        System.exit(CommandLine.run(() -> run(args)));
    }

    static int run(String... args) throws Exception {
        return Command.run(
                PROGRAM,
                USAGE.formatted(PROGRAM),
                List.of(
                        new Command("run", SweepRunCommand::run),
                        new Command("status", StatusCommand::run),
                        new Command("fit", FitCommand::run),
                        new Command("recommend", RecommendCommand::run),
                        new Command("plot", PlotCommand::run)),
                args);
    }
}
