package io.kinema.train;

import io.kinema.data.CommandLine;
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
    private static final int MISTAKE = 2;

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
        Optional<Checkpoint> from;
        String memory = "";
        try (Dataset dataset = Dataset.open(flags.data)) {
            ClipLoader.order(dataset, config);
            from = new ResumeChoice(flags, config, dataset.sha256())
                    .choose(warning -> System.out.println("warning: " + warning));
            if (flags.device().name().equals(DeviceConfig.CPU)) {
                NodeMemory.Need need = new NodeMemory.Need(config, flags.recompute(), flags.threads, flags.nodes);
                memory = MemoryCheck.require(
                        dataset, need, HostMemory.ofThisHost().availableBytes());
            }
        }
        if (flags.sampleSteps > 0) {
            Ffmpeg.locate(flags.ffmpeg, FFMPEG_TIMEOUT_SECONDS);
        }
        folder.create();
        try (RunFolder.Lock _ = folder.lock()) {
            return run(
                    flags,
                    line,
                    memory,
                    from.map(checkpoint -> checkpoint.folder().toString()).orElse(""));
        }
    }

    private static int run(TrainFlags flags, CommandLine line, String memory, String resumeFrom)
            throws IOException, InterruptedException {
        RunFolder folder = new RunFolder(flags.runFolder());
        String resolved = line.toArgs();
        Path args = folder.path().resolve(".run.args.tmp");
        Files.writeString(args, "# launch/train.sh @" + folder.args() + "\n" + resolved);
        Files.move(args, folder.args(), StandardCopyOption.ATOMIC_MOVE);
        System.out.print(resolved + memory);
        return report(launch(flags, folder, resumeFrom), folder, flags.steps);
    }

    private static RunOutcome launch(TrainFlags flags, RunFolder folder, String resumeFrom)
            throws IOException, InterruptedException {
        String runId = UUID.randomUUID().toString();
        Duration deadline = Duration.ofSeconds(flags.timeoutSeconds);
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (MediaDriverHost driver = MediaDriverHost.start(flags.nodes);
                RendezvousServer rendezvous = RendezvousServer.start(anyPort, runId, flags.nodes, deadline)) {
            List<RankCommand> commands = new ArrayList<>();
            for (int rank = 0; rank < flags.nodes; rank++) {
                RankEnvironment environment = new RankEnvironment(
                        rank,
                        flags.nodes,
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

    private static int report(RunOutcome outcome, RunFolder folder, long steps) throws IOException {
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
                System.err.println(failed.lastLines().getLast());
                return MISTAKE;
            }
            case RunOutcome.Failed failed -> {
                System.err.println("error: " + failed.message());
                System.err.println(continuation(folder));
                return FAILED;
            }
        }
    }

    private static String continuation(RunFolder folder) {
        return "launch/train.sh @" + folder.args() + " --resume auto goes on from the newest checkpoint";
    }
}
