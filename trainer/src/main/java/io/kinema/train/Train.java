package io.kinema.train;

import io.kinema.data.CommandLine;
import io.kinema.data.ConfigException;
import io.kinema.data.shard.Dataset;
import io.kinema.data.video.Ffmpeg;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.dist.MediaDriverHost;
import io.kinema.train.dist.RankCommand;
import io.kinema.train.dist.RankProcesses;
import io.kinema.train.dist.RendezvousServer;
import io.kinema.train.dist.RunOutcome;
import io.kinema.train.tensor.DeviceConfig;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** The launcher, {@code launch/train.sh}: checks what it is asked, starts a process a rank, and says how it went. */
public final class Train {
    private static final int FAILED = 1;
    static final int MISTAKE = 2;

    /** Ranks finish a step and write a checkpoint before they stop; a second signal ends them at once. */
    private static final Duration STOP_LIMIT = Duration.ofHours(1);

    /** Tensors are outside the heap; a young generation that does not grow keeps a rank's memory flat. */
    private static final List<String> RANK_HEAP = List.of("-Xmn64m");

    private static final int FFMPEG_TIMEOUT_SECONDS = 60;
    private static final int STOPPED = 143;

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
            return line.parse(args) ? train(flags, line) : 0;
        }));
    }

    private static int train(TrainFlags flags, CommandLine line) throws IOException, InterruptedException {
        flags.resolveDevice();
        TrainConfig config = flags.toConfig();
        flags.run = (flags.run.isEmpty() ? RunFolder.fresh() : flags.runFolder())
                .toAbsolutePath()
                .normalize()
                .toString();
        RunFolder folder = new RunFolder(flags.runFolder());
        if (flags.data.isEmpty()) {
            flags.data = SyntheticData.ensure(config.model().patch()).toString();
        }
        if (!flags.data.contains("://")) {
            flags.data = Path.of(flags.data).toAbsolutePath().normalize().toString();
        }
        ResumeChoice choice;
        Optional<Checkpoint> from;
        String memory = "";
        try (Dataset dataset = Dataset.open(flags.data)) {
            ClipLoader.order(dataset, config);
            choice = new ResumeChoice(flags, config, dataset.sha256());
            from = choice.choose(Train::warn);
            if (flags.device().name().equals(DeviceConfig.CPU)) {
                NodeMemory.Need need =
                        new NodeMemory.Need(config, flags.recompute(), flags.threads, flags.nodes, flags.zero());
                memory = MemoryCheck.require(
                        dataset,
                        need,
                        new MemoryCheck.Limits(HostMemory.ofThisHost().availableBytes(), flags.memoryPerNode()));
            }
        }
        if (flags.sampleSteps > 0) {
            Ffmpeg.locate(flags.ffmpeg, FFMPEG_TIMEOUT_SECONDS);
        }
        folder.create();
        try (RunFolder.Lock _ = folder.lock()) {
            String resolved = line.toArgs();
            Path args = folder.path().resolve(".run.args.tmp");
            Files.writeString(args, "# launch/train.sh @" + folder.args() + "\n" + resolved);
            Files.move(args, folder.args(), StandardCopyOption.ATOMIC_MOVE);
            System.out.print(resolved + memory);
            return run(choice, folder, from);
        }
    }

    private static void warn(String warning) {
        System.out.println("warning: " + warning);
    }

    /** Starts the ranks, and again after failures for as long as that may help. */
    private static int run(ResumeChoice choice, RunFolder folder, Optional<Checkpoint> first)
            throws IOException, InterruptedException {
        TrainFlags flags = choice.flags();
        Restarts restarts = new Restarts(flags, step(first));
        Optional<Checkpoint> from = first;
        while (true) {
            RunOutcome outcome = launch(flags, folder, restarts.nodes(), path(from));
            String where = outcome instanceof RunOutcome.Hung hung ? "; see " + folder.writeHang(hung.report()) : "";
            Optional<String> restart = Optional.empty();
            if (restarts.mayHelp(outcome)) {
                from = again(choice, path(first), outcome);
                restart = restarts.next(step(from));
            }
            if (restart.isEmpty()) {
                return report(outcome, folder, where, restarts.tried(), flags.steps);
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
        return checkpoint.map(found -> found.folder().toString()).orElse("");
    }

    private static long step(Optional<Checkpoint> checkpoint) {
        return checkpoint.map(found -> found.state().step()).orElse(0L);
    }

    private static RunOutcome launch(TrainFlags flags, RunFolder folder, int nodes, String resumeFrom)
            throws IOException, InterruptedException {
        String runId = UUID.randomUUID().toString();
        Duration deadline = Duration.ofSeconds(flags.timeoutSeconds);
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (MediaDriverHost driver = MediaDriverHost.start(nodes);
                RendezvousServer rendezvous = RendezvousServer.start(anyPort, runId, nodes, deadline)) {
            List<RankCommand> commands = new ArrayList<>();
            for (int rank = 0; rank < nodes; rank++) {
                RankEnvironment environment = new RankEnvironment(
                        rank,
                        nodes,
                        runId,
                        rendezvous.address(),
                        driver.directory().toString(),
                        ProcessHandle.current().pid(),
                        resumeFrom);
                commands.add(new RankCommand(rankCommand(folder), environment.toVariables()));
            }
            try (RankProcesses ranks = RankProcesses.start(commands, folder.logs(), System.out)) {
                return ranks.await(STOP_LIMIT);
            }
        }
    }

    /** The same Java with the same flags as this process, which come last and so may say otherwise. */
    private static List<String> rankCommand(RunFolder folder) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(RANK_HEAP);
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Rank.class.getName()));
        command.add("@" + folder.args());
        return command;
    }

    private static int report(RunOutcome outcome, RunFolder folder, String where, String tried, long steps)
            throws IOException {
        switch (outcome) {
            case RunOutcome.Finished _ -> {
                Path newest = new CheckpointFolder(folder.checkpoints()).list().getFirst();
                if (CheckpointFolder.stepOf(newest) < steps) {
                    System.out.println("a rank was told to stop; " + newest.getFileName() + " is written; "
                            + continuation(folder));
                    return STOPPED;
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
            when failed.code() == MISTAKE -> {
                System.err.println("error: " + failed.reason());
                return MISTAKE;
            }
            case RunOutcome.Failed _, RunOutcome.Hung _ -> {
                System.err.println("error: " + outcome.message() + where);
                System.err.println(tried + continuation(folder));
                return FAILED;
            }
        }
    }

    private static String continuation(RunFolder folder) {
        return "launch/train.sh @" + folder.args() + " --resume auto goes on from the newest checkpoint";
    }
}
