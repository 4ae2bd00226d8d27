package io.kinema.train;

import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Dataset;
import io.kinema.data.video.Ffmpeg;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.device.DeviceConfig;
import io.kinema.train.dist.process.ExitCode;
import io.kinema.train.dist.process.RunOutcome;
import io.kinema.train.dist.rendezvous.Secret;
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
import io.kinema.train.run.Recipe;
import io.kinema.train.run.RunFolder;
import io.kinema.train.run.TrainFlags;
import io.kinema.train.save.ResumeChoice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

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
        System.exit(CommandLine.run(() -> {
            TrainFlags flags = new TrainFlags();
            CommandLine line = new CommandLine(
                    "launch/train.sh",
                    "trains a spacetime diffusion transformer on videos prepared by launch/prepare.sh; without a file of"
                            + " flags (@FILE) it takes configs/debug.args before the flags given",
                    flags);
            return line.parse(args) ? start(flags, line, args) : 0;
        }));
    }

    /** Explains, submits a job, joins as one rank of many, or trains. */
    private static int start(TrainFlags flags, CommandLine line, String[] args)
            throws IOException, InterruptedException {
        if (flags.explainOrder) {
            return explainOrder(flags);
        }
        Map<String, String> variables = System.getenv();
        if (flags.slurm && !SlurmJob.isInside(variables)) {
            flags.toConfig();
            SecretFile.ofFlag(flags.secretFile);
            return SlurmJob.submit(flags, args);
        }
        Optional<Cluster> cluster = Cluster.of(flags, variables);
        flags.resolveDevice();
        Optional<TorchVariables> torch = TorchVariables.of(variables);
        if (torch.isPresent() && torch.get().rank() > 0) {
            flags.toConfig();
            return Host.join(torch.get(), cluster.get().secret());
        }
        return train(flags, line, cluster);
    }

    private static int train(TrainFlags flags, CommandLine line, Optional<Cluster> cluster)
            throws IOException, InterruptedException {
        Recipe config = flags.toConfig();
        flags.run = (flags.run.isEmpty() ? RunFolder.fresh() : flags.runFolder())
                .toAbsolutePath()
                .normalize()
                .toString();
        RunFolder folder = new RunFolder(flags.runFolder());
        if (flags.data.isEmpty()) {
            flags.data = SyntheticData.TRAINING
                    .ensure(config.model().tokens().patch())
                    .toString();
        }
        if (!flags.hosts.isEmpty()) {
            flags.hosts = Path.of(flags.hosts).toAbsolutePath().normalize().toString();
        }
        Secret secret = cluster.isPresent() ? cluster.get().secret() : SecretFile.ofFlag(flags.secretFile);
        if (SecretFile.isNamed(flags.secretFile)) {
            flags.secretFile =
                    Path.of(flags.secretFile).toAbsolutePath().normalize().toString();
        }
        if (!flags.data.contains("://")) {
            flags.data = Path.of(flags.data).toAbsolutePath().normalize().toString();
        }
        ResumeChoice choice;
        Optional<Checkpoint> from;
        String memory = "";
        try (Dataset dataset = Dataset.open(flags.data)) {
            new ClipOrder(dataset, config);
            choice = new ResumeChoice(flags, config, dataset.sha256());
            from = choice.choose(Train::warn);
            if (flags.device().name().equals(DeviceConfig.CPU)) {
                RankMemory.Setup need = new RankMemory.Setup(
                        config,
                        flags.recompute(),
                        flags.deviceFlags.threads(),
                        flags.nodes,
                        flags.zero(),
                        flags.checkpointAsync);
                // Of other hosts nobody here knows what they have.
                OptionalLong available = cluster.isPresent()
                        ? OptionalLong.empty()
                        : HostMemory.ofThisHost().availableBytes();
                memory = MemoryCheck.require(dataset, need, new MemoryCheck.Limits(available, flags.memoryPerNode()));
            }
        }
        if (flags.sampleSteps > 0) {
            Ffmpeg.locate(flags.ffmpeg, FFMPEG_TIMEOUT_SECONDS);
        }
        folder.create();
        try (FolderLock _ = folder.lock()) {
            String resolved = line.toArgs();
            Path args = folder.path().resolve(".run.args.tmp");
            Files.writeString(args, "# launch/train.sh @" + folder.args() + "\n" + resolved);
            Files.move(args, folder.args(), StandardCopyOption.ATOMIC_MOVE);
            System.out.print(resolved + memory);
            try (Launch launch = cluster.isPresent()
                    ? new ClusterLaunch(cluster.get(), flags, Train::warn)
                    : new LocalLaunch(folder, Duration.ofSeconds(flags.timeoutSeconds), secret)) {
                int exitCode = run(launch, choice, folder, from);
                launch.finish(exitCode);
                return exitCode;
            }
        }
    }

    private static int explainOrder(TrainFlags flags) throws IOException {
        Recipe config = flags.toConfig();
        String data = flags.data.isEmpty()
                ? SyntheticData.TRAINING
                        .require(config.model().tokens().patch())
                        .toString()
                : flags.data;
        try (Dataset dataset = Dataset.open(data)) {
            new OrderTable(dataset, config).print(flags.steps, System.out);
        }
        return 0;
    }

    static void warn(String warning) {
        System.out.println("warning: " + warning);
    }

    /** Starts the ranks, and again after failures for as long as that may help. */
    private static int run(Launch launch, ResumeChoice choice, RunFolder folder, Optional<Checkpoint> first)
            throws IOException, InterruptedException {
        TrainFlags flags = choice.flags();
        Restarts restarts = new Restarts(flags, step(first));
        Optional<Checkpoint> from = first;
        while (true) {
            RunOutcome outcome = launch.run(restarts.nodes(), path(from));
            String where = outcome instanceof RunOutcome.Hung hung ? "; see " + folder.writeHang(hung.report()) : "";
            Optional<String> restart = Optional.empty();
            if (restarts.mayHelp(outcome)) {
                from = again(choice, path(first), outcome);
                restart = restarts.next(step(from));
            }
            if (restart.isEmpty()) {
                return report(outcome, folder, where, restarts.tried(), flags.steps.last());
            }
            System.out.println(restart.get() + ": " + outcome.brief() + where);
        }
    }

    private static Optional<Checkpoint> again(ResumeChoice choice, String began, RunOutcome outcome)
            throws IOException {
        try {
            return choice.again(began, Train::warn);
        } catch (IOException | ConfigException e) {
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
