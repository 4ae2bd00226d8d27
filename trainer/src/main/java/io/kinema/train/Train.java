package io.kinema.train;

import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Dataset;
import io.kinema.data.video.Ffmpeg;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.dist.process.ExitCode;
import io.kinema.train.dist.process.RunOutcome;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.input.CaptionCuts;
import io.kinema.train.input.ClipOrder;
import io.kinema.train.input.OrderTable;
import io.kinema.train.input.SyntheticData;
import io.kinema.train.launch.Cluster;
import io.kinema.train.launch.ClusterLaunch;
import io.kinema.train.launch.Host;
import io.kinema.train.launch.Launch;
import io.kinema.train.launch.LocalLaunch;
import io.kinema.train.launch.Restarts;
import io.kinema.train.launch.SecretFile;
import io.kinema.train.launch.SlurmJob;
import io.kinema.train.launch.TorchVariables;
import io.kinema.train.memory.MemoryCheck;
import io.kinema.train.memory.RankMemory;
import io.kinema.train.metrics.HostMemory;
import io.kinema.train.run.FolderLock;
import io.kinema.train.run.PlaceFlags;
import io.kinema.train.run.RankCount;
import io.kinema.train.run.RankSetup;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.RunDescription;
import io.kinema.train.run.RunDescriptionFile;
import io.kinema.train.run.RunFiles;
import io.kinema.train.run.RunFolder;
import io.kinema.train.run.RunSettings;
import io.kinema.train.run.SampleRequest;
import io.kinema.train.run.TrainFlags;
import io.kinema.train.save.CheckpointRoom;
import io.kinema.train.save.ResumeChoice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** The launcher, {@code launch/train.sh}: checks what it is asked, starts a process a rank, and says how it went. */
public final class Train {
    private static final int FFMPEG_TIMEOUT_SECONDS = 60;

    private Train() {}

    /**
     * Runs a training.
     *
     * @param args see {@code --help}
     */
    public static void main(String[] args) {
        System.exit(CommandLine.run(() -> run(args)));
    }

    static int run(String... args) throws IOException, InterruptedException {
        return run(System.getenv(), args);
    }

    /** With other environment variables than this process's. */
    static int run(Map<String, String> variables, String... args) throws IOException, InterruptedException {
        Optional<TrainFlags> flags = TrainFlags.parse(args);
        return flags.isPresent() ? start(flags.get(), variables, args) : 0;
    }

    /** Explains, submits a job, joins as one rank of many, or trains. */
    private static int start(TrainFlags flags, Map<String, String> variables, String[] args)
            throws IOException, InterruptedException {
        if (flags.explainOrder()) {
            return explainOrder(flags);
        }
        PlaceFlags place = flags.place();
        if (place.slurm() && !SlurmJob.isInside(variables)) {
            // A mistake shows here, not when the job has come to its turn.
            if (place.numRanks() == 0 && flags.minNodes() > 0) {
                throw new ConfigException("--min-nodes " + flags.minNodes()
                        + " needs --nodes with --slurm: Slurm is asked for so many tasks");
            }
            RunSettings settings = RunSettings.ofThisHost(flags);
            SecretFile.ofFlag(place.secretFile());
            return SlurmJob.submit(settings.ranks().numRanks(), flags.threads(), args);
        }
        Optional<Cluster> cluster = Cluster.of(place, variables);
        RankCount count = cluster.map(Cluster::ranks).orElseGet(() -> RankCount.ofThisHost(place));
        RunSettings settings = RunSettings.of(flags, count);
        Optional<TorchVariables> torch = TorchVariables.of(variables);
        if (torch.isPresent() && torch.get().rank() > 0) {
            return Host.join(torch.get(), cluster.get().secret());
        }
        return train(flags, settings, cluster);
    }

    private static int train(TrainFlags flags, RunSettings settings, Optional<Cluster> cluster)
            throws IOException, InterruptedException {
        if (flags.run().isPresent()) {
            return train(flags, settings, cluster, flags.run().get());
        }
        RunFolder fresh = RunFolder.fresh(Path.of("runs"));
        try {
            return train(
                    flags,
                    settings,
                    cluster,
                    fresh.path().toAbsolutePath().normalize().toString());
        } finally {
            fresh.deleteIfEmpty();
        }
    }

    private static int train(TrainFlags flags, RunSettings given, Optional<Cluster> cluster, String folder)
            throws IOException, InterruptedException {
        String data = flags.data();
        if (data.isEmpty()) {
            data = SyntheticData.TRAINING
                    .ensure(given.recipe().model().tokens().patch())
                    .toAbsolutePath()
                    .normalize()
                    .toString();
        }
        Secret secret = SecretFile.ofFlag(flags.place().secretFile());
        RunSettings settings = given;
        ResumeChoice choice;
        Optional<Checkpoint> from;
        String memory;
        try (Dataset dataset = Dataset.open(data)) {
            if (flags.followsData()) {
                settings = given.with(ClipOrder.withRoom(dataset, given.recipe()));
            }
            new ClipOrder(dataset, settings.recipe());
            RunFiles files = new RunFiles(folder, data, dataset.sha256());
            choice = new ResumeChoice(RunDescription.of(flags, settings, files));
            from = choice.choose(Train::warn);
            CheckpointRoom.requireAtStart(choice.run(), Train::warn);
            memory = checkMemory(dataset, settings, cluster.isPresent());
        }
        SampleRequest sample = settings.sample();
        settings.recipe().model().remark().ifPresent(Train::warn);
        if (sample.steps() > 0) {
            CaptionCuts.NONE
                    .with(sample.prompt())
                    .text("prompts", "--sample-prompt gives")
                    .ifPresent(Train::warn);
            Ffmpeg.locate(sample.ffmpeg(), FFMPEG_TIMEOUT_SECONDS);
        }
        RunDescription run = choice.run();
        run.folder().create();
        try (FolderLock _ = run.folder().lock()) {
            run.folder().writeArgs(run.flags());
            RunDescriptionFile file = RunDescriptionFile.write(run);
            System.out.print(String.join("\n", run.flags()) + "\n" + memory);
            try (Launch launch = cluster.isPresent()
                    ? new ClusterLaunch(cluster.get(), run, file, Train::warn)
                    : new LocalLaunch(run, file, secret)) {
                int exitCode = run(launch, choice, from);
                launch.finish(exitCode);
                return exitCode;
            }
        }
    }

    /** Refuses a run that this host cannot hold; of other hosts nobody here knows what they have. */
    private static String checkMemory(Dataset dataset, RunSettings settings, boolean isOnOtherHosts)
            throws IOException {
        RankSetup ranks = settings.ranks();
        if (!ranks.device().kind().plansMemory()) {
            return "";
        }
        RankMemory.Setup need = new RankMemory.Setup(
                settings.recipe(),
                ranks.recompute(),
                ranks.device(),
                ranks.numRanks(),
                ranks.zero(),
                settings.checkpoints().isAsync());
        OptionalLong available =
                isOnOtherHosts ? OptionalLong.empty() : HostMemory.ofThisHost().availableBytes();
        return MemoryCheck.require(dataset, need, new MemoryCheck.Limits(available, ranks.memoryLimitBytes()));
    }

    private static int explainOrder(TrainFlags flags) throws IOException {
        Recipe recipe = RunSettings.ofThisHost(flags).recipe();
        String data = flags.data().isEmpty()
                ? SyntheticData.TRAINING
                        .require(recipe.model().tokens().patch())
                        .toString()
                : flags.data();
        try (Dataset dataset = Dataset.open(data)) {
            new OrderTable(dataset, flags.followsData() ? ClipOrder.withRoom(dataset, recipe) : recipe)
                    .print(flags.steps(), System.out);
        }
        return 0;
    }

    static void warn(String warning) {
        System.out.println("warning: " + warning);
    }

    /** Starts the ranks, and again after failures for as long as that may help. */
    private static int run(Launch launch, ResumeChoice choice, Optional<Checkpoint> first)
            throws IOException, InterruptedException {
        RunSettings settings = choice.run().settings();
        RunFolder folder = choice.run().folder();
        Restarts restarts = new Restarts(settings.restarts(), settings.ranks().numRanks(), step(first));
        Optional<Checkpoint> from = first;
        Set<Path> unrestorable = new HashSet<>();
        while (true) {
            RunOutcome outcome = launch.run(restarts.numRanks(), path(from));
            String where = outcome instanceof RunOutcome.Hung hung ? writeHang(folder, hung) : "";
            Optional<String> restart = Optional.empty();
            if (restarts.mayHelp(outcome)) {
                if (outcome instanceof RunOutcome.Failed failed
                        && failed.code() == ExitCode.RESTORE_FAILED.number()
                        && from.isPresent()) {
                    unrestorable.add(Path.of(path(from)));
                }
                from = again(choice, path(first), unrestorable, outcome);
                restart = restarts.next(step(from));
            }
            if (restart.isEmpty()) {
                return report(
                        outcome,
                        folder,
                        where,
                        restarts.tried(),
                        settings.recipe().steps());
            }
            System.out.println(restart.get() + ": " + outcome.brief() + where);
        }
    }

    /** A full disk must not end a run that can go on. */
    private static String writeHang(RunFolder folder, RunOutcome.Hung hung) {
        try {
            return "; see " + folder.writeHang(hung.report());
        } catch (IOException e) {
            return "; the report of the hang could not be written (" + e + ")";
        }
    }

    private static Optional<Checkpoint> again(
            ResumeChoice choice, String began, Set<Path> unrestorable, RunOutcome outcome) throws IOException {
        RunFiles files = choice.run().files();
        try (Dataset dataset = Dataset.open(files.data())) {
            // Ranks look too; but not to start them is sooner, and one line.
            files.requireData(dataset.sha256());
            return choice.again(began, unrestorable, Train::warn);
        } catch (ConfigException e) {
            throw new ConfigException(outcome.brief() + ", and the run cannot be started again: " + e.getMessage());
        } catch (IOException e) {
            throw new IOException(outcome.brief() + ", and the run cannot be started again: " + e.getMessage(), e);
        }
    }

    private static String path(Optional<Checkpoint> checkpoint) {
        return checkpoint
                .map(found -> found.folder().toAbsolutePath().toString())
                .orElse("");
    }

    private static long step(Optional<Checkpoint> checkpoint) {
        return checkpoint.map(found -> found.state().step()).orElse(0L);
    }

    private static int report(RunOutcome outcome, RunFolder folder, String where, String tried, long steps)
            throws IOException {
        switch (outcome) {
            case RunOutcome.Finished _ -> {
                Path newest = new CheckpointFolder(folder.checkpoints()).list().getFirst();
                if (CheckpointFolder.stepOf(newest) < steps) {
                    System.out.println("a rank was told to stop; " + newest.getFileName() + " is written; "
                            + continuation(folder));
                    return ExitCode.TERMINATE.number();
                }
                System.out.println("run      " + folder.path());
                System.out.println("metrics  " + folder.metrics());
                System.out.println("weights  " + newest);
                System.out.println("samples  " + folder.samples());
                return 0;
            }
            case RunOutcome.Stopped stopped -> {
                System.out.println("stopped by " + stopped.signal() + "; " + continuation(folder));
                return stopped.exitCode();
            }
            case RunOutcome.Failed failed
            when failed.code() == ExitCode.MISTAKE.number() -> {
                System.err.println("error: " + failed.reason());
                return failed.code();
            }
            case RunOutcome.Failed _, RunOutcome.Hung _, RunOutcome.HostMissing _ -> {
                System.err.println("error: " + outcome.message() + where);
                System.err.println(tried + continuation(folder));
                return ExitCode.FAILED.number();
            }
        }
    }

    private static String continuation(RunFolder folder) {
        return "launch/train.sh @" + folder.args() + " --resume auto goes on from the newest checkpoint";
    }
}
