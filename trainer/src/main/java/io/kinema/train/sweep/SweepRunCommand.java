package io.kinema.train.sweep;

import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.launch.SlurmJob;
import io.kinema.train.run.FolderLock;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** {@code launch/sweep.sh run}: trains and measures the points of a sweep. */
final class SweepRunCommand {
    private static final String SUMMARY = """
            trains a family of models and measures their loss on held-out clips

            Each model of --widths (or --models) is trained with each of --budgets (or --token-counts) by \
            launch/train.sh, in a
            folder of its own below SWEEP/runs, and measured by launch/evaluate.sh; SWEEP/points.csv has a line \
            for each. The
            same command goes on with a sweep that was stopped, trains again what failed, and adds what was \
            added to its lists.\
            """;

    private SweepRunCommand() {}

    static int run(String... args) throws IOException, InterruptedException {
        SweepFlags flags = new SweepFlags();
        CommandLine line = new CommandLine(SweepCommand.PROGRAM + " run", SUMMARY, flags);
        if (!line.parse(args)) {
            return 0;
        }
        flags.check();
        flags.resolve();
        List<PlannedPoint> wanted = SweepPlan.of(flags);
        if (flags.slurm) {
            // Whether Slurm answers here.
            SlurmJob.isQueued("kinema");
        }
        SweepFolder folder = new SweepFolder(Path.of(flags.sweep));
        folder.create();
        try (FolderLock _ = folder.lock()) {
            requireSame(folder, flags);
            String resolved = line.toArgs();
            SweepFolder.write(folder.flags(), "# launch/sweep.sh run @" + folder.flags() + "\n" + resolved);
            SweepFolder.write(folder.trainFlags(), CommandLine.argsFile(flags.trainArgs()));
            List<PlannedPoint> plan = folder.withMeasured(wanted);
            folder.writePlan(plan);
            System.out.print(resolved);
            return new SweepRun(flags, folder, plan).run() ? 0 : 1;
        }
    }

    /** Points of one sweep differ in what it sweeps over and nothing else. */
    private static void requireSame(SweepFolder folder, SweepFlags flags) {
        if (!folder.isSweep()) {
            return;
        }
        List<String> was = folder.storedFlags().common();
        List<String> now = flags.common();
        for (int i = 0; i < was.size(); i++) {
            if (!was.get(i).equals(now.get(i))) {
                throw new ConfigException("--sweep " + folder.path() + " was made with " + was.get(i) + ", not "
                        + now.get(i) + "; give the same, or another --sweep");
            }
        }
    }
}
