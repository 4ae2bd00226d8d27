package io.kinema.train.sweep;

import com.beust.jcommander.Parameter;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.run.FolderLock;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code launch/sweep.sh status}: how far a sweep has come, a line a point. */
final class StatusCommand {
    private static final class Flags {
        @Parameter(description = "SWEEP")
        private List<String> folders = new ArrayList<>();
    }

    private StatusCommand() {}

    static int run(String... args) throws IOException {
        Flags flags = new Flags();
        CommandLine line = new CommandLine(
                SweepCommand.PROGRAM + " status", "says of each point of a sweep how far it has come", flags);
        if (!line.parse(args)) {
            return 0;
        }
        if (flags.folders.size() != 1) {
            throw new ConfigException("status takes one folder, not " + flags.folders.size() + "; see "
                    + SweepCommand.PROGRAM + " status --help");
        }
        SweepFolder folder = new SweepFolder(Path.of(flags.folders.getFirst()));
        List<PlannedPoint> plan = folder.plan();
        SweepFlags sweep = folder.storedFlags();
        boolean isExact = sweep.flops.equals(SweepFlags.EXACT);
        System.out.println(SweepTable.HEADER);
        double flops = 0;
        double made = 0;
        for (PlannedPoint point : plan) {
            flops += point.flops();
            if (folder.isMeasured(point)) {
                made += point.flops();
                System.out.println(SweepTable.row(point, folder.point(point, sweep.captionModel, isExact)));
            } else {
                long steps = folder.steps(point);
                made += point.flops() * steps / point.steps();
                System.out.println(SweepTable.row(point, state(folder, point, steps)));
            }
        }
        System.out.printf("%.3g of %.3g operations, %.1f %%%n", made, flops, 100 * made / flops);
        return 0;
    }

    private static String state(SweepFolder folder, PlannedPoint point, long steps) throws IOException {
        if (FolderLock.isTaken(folder.run(point))) {
            return "training, step " + steps;
        }
        if (folder.trained(point).isPresent()) {
            return "trained, not measured yet; log in " + folder.log(point);
        }
        return steps == 0 ? "not begun" : "stopped or failed at step " + steps + "; log in " + folder.log(point);
    }
}
