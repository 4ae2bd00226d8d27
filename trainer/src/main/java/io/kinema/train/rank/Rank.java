package io.kinema.train.rank;

import io.kinema.data.command.CommandLine;
import io.kinema.data.shard.Dataset;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.Retention;
import io.kinema.train.checkpoint.TrainedWeights;
import io.kinema.train.device.Devices;
import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Trainable;
import io.kinema.train.dist.CollectiveException;
import io.kinema.train.dist.CollectiveTimeoutException;
import io.kinema.train.dist.PeerLostException;
import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.CollectivesConfig;
import io.kinema.train.dist.process.ExitCode;
import io.kinema.train.dist.process.ParentWatch;
import io.kinema.train.dist.process.TerminationSignals;
import io.kinema.train.dist.reduction.Reduction;
import io.kinema.train.dist.reduction.Wire;
import io.kinema.train.dist.rendezvous.RankIdentity;
import io.kinema.train.dist.rendezvous.RendezvousAddress;
import io.kinema.train.dist.rendezvous.RendezvousException;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.metrics.HostMemory;
import io.kinema.train.metrics.MatmulPeak;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.run.ExchangeSetup;
import io.kinema.train.run.RankSetup;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.RunDescription;
import io.kinema.train.run.RunDescriptionFile;
import io.kinema.train.run.RunFolder;
import io.kinema.train.run.SampleRequest;
import io.kinema.train.sample.TrainingSample;
import io.kinema.train.save.BackgroundCheckpoint;
import io.kinema.train.save.NoRoomException;
import io.kinema.train.save.RestoreException;
import io.kinema.train.save.StateCopy;
import io.kinema.train.save.StateStore;
import io.kinema.train.step.Sharding;
import io.kinema.train.step.TrainState;
import io.kinema.train.step.Trainer;
import io.kinema.train.step.TrainingException;
import io.kinema.train.tensor.Device;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/** The process of one rank: joins the others, restores, trains, saves. The launcher starts this process. */
final class Rank {
    private final RankEnvironment environment;
    private final RunDescriptionFile file;
    private final RunDescription run;
    private final RankSetup setup;
    private final Recipe config;
    private final RunFolder folder;
    private final AtomicBoolean stop;

    private Rank(RankEnvironment environment, RunDescriptionFile file, AtomicBoolean stop) throws IOException {
        this.environment = environment;
        this.file = file;
        this.run = file.read();
        this.setup = run.settings().ranks();
        this.config = run.settings().recipe();
        this.folder = run.folder();
        this.stop = stop;
    }

    /**
     * Runs a rank.
     *
     * @param args the path of {@code run.json}
     */
    public static void main(String[] args) {
        Path traces = Path.of(args[0]).resolveSibling("logs").resolve("traces.txt");
        System.exit(CommandLine.run(() -> run(args[0]), traces));
    }

    private static int run(String description) throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        TerminationSignals.install(_ -> stop.set(true));
        RankEnvironment environment = RankEnvironment.of(System.getenv());
        ParentWatch.start(environment.launcherPid(), Path.of(environment.driverDirectory()));
        RunDescriptionFile file = new RunDescriptionFile(Path.of(description), environment.runSha256());
        try {
            return new Rank(environment, file, stop).run();
        } catch (TrainingException e) {
            System.out.println("error: " + e.getMessage());
            return ExitCode.TRAINING_FAILED.number();
        } catch (CollectiveException | IOException e) {
            System.out.println("error: " + e.getMessage());
            return exitCode(e);
        }
    }

    /** From the process that started this one, which writes it to standard input. */
    private Secret readSecret() throws IOException {
        return !run.settings().exchange().hasSecret()
                ? Secret.NONE
                : Secret.ofHex(new String(System.in.readAllBytes(), StandardCharsets.US_ASCII).strip());
    }

    /** By which the launcher tells who is to blame: not a rank that has lost another, or has waited for one in vain. */
    private static int exitCode(Exception failure) {
        return switch (failure) {
            case PeerLostException _ -> ExitCode.PEER_LOST.number();
            case RestoreException _ -> ExitCode.RESTORE_FAILED.number();
            case NoRoomException _ -> ExitCode.NO_ROOM.number();
            case CollectiveTimeoutException _, RendezvousException _ -> ExitCode.COLLECTIVE_TIMEOUT.number();
            default -> ExitCode.FAILED.number();
        };
    }

    private int run() throws IOException {
        Secret secret = readSecret();
        SampleRequest sample = run.settings().sample();
        try (Dataset dataset = Dataset.open(run.files().data())) {
            run.files().requireData(dataset.sha256());
            boolean isComplete;
            try (Device device = Devices.open(setup.device(), environment.place());
                    Collectives collectives = join(dataset, secret)) {
                Sharding sharding = new Sharding(setup.zero(), environment.rank(), environment.worldSize());
                Trainable trained = new DiffusionLoss(new SpacetimeDit(config.model(), setup.recompute()), device);
                TrainState state = new TrainState(config, trained.layout(), device, sharding, Optional.of(collectives));
                train(trained, state, collectives, dataset);
                isComplete = state.step == config.steps();
            }
            if (environment.rank() == 0) {
                if (sample.steps() > 0 && isComplete) {
                    System.out.println("sampled " + sample(dataset, sample));
                }
                System.out.println(
                        "peak memory of rank 0: " + HostMemory.ofThisHost().peakResidentBytes() + " bytes");
            }
            return 0;
        }
    }

    /** Samples from the last checkpoint; what training has kept in memory is gone by then. */
    private Path sample(Dataset dataset, SampleRequest request) throws IOException {
        Path checkpoint = new CheckpointFolder(folder.checkpoints()).list().getFirst();
        Path stem = folder.samples().resolve(checkpoint.getFileName());
        TrainingSample sample = new TrainingSample(
                request.ffmpeg(), request.prompt(), request.steps(), request.guidance(), config.seed());
        try (Device device = Devices.open(setup.device(), environment.place())) {
            SpacetimeDit model = new SpacetimeDit(config.model());
            ParameterSet weights = TrainedWeights.open(checkpoint, "").load(model.layout(), device);
            return sample.write(model, config.diffusion(), device, weights, dataset, stem);
        }
    }

    private void train(Trainable trained, TrainState state, Collectives collectives, Dataset dataset)
            throws IOException {
        CheckpointFolder checkpointFolder = new CheckpointFolder(folder.checkpoints());
        try (StateStore checkpoints = new StateStore(
                checkpointFolder,
                new StateCopy(state, collectives),
                needed -> prune(checkpointFolder, needed),
                run.settings().checkpoints().isAsync()
                        ? Optional.of(BackgroundCheckpoint.thread(environment.rank()))
                        : Optional.empty(),
                run.settings().exchange().storageLimit())) {
            train(trained, state, collectives, dataset, checkpoints);
        }
    }

    private void train(
            Trainable trained, TrainState state, Collectives collectives, Dataset dataset, StateStore checkpoints)
            throws IOException {
        boolean isFirst = environment.rank() == 0;
        if (environment.resumeFrom().isEmpty()) {
            state.initialise(config.seed());
        } else {
            Path from = Path.of(environment.resumeFrom());
            haltWhenPeersAreLost(() -> checkpoints.restore(from));
            if (!folder.checkpoints().equals(from.toAbsolutePath().normalize().getParent())) {
                state.spikes = state.spikes.inAnotherRun();
            }
        }
        if (isFirst) {
            System.out.println(begin(state));
        }
        // Only rank 0 writes metrics; the others wait for it meanwhile, so it measures an idle machine.
        double peakFlops =
                isFirst ? environment.worldSize() * MatmulPeak.ofThisUser().flopsPerSecond(setup.device()) : Double.NaN;
        TrainingLoop.Schedule schedule = new TrainingLoop.Schedule(
                config,
                run.settings().checkpoints().every(),
                epoch -> StateStore.describe(config, state, dataset.sha256(), epoch, run.flags()));
        try (RunLog log = isFirst ? RunLog.open(folder, config, state.step) : RunLog.none();
                Trainer trainer = new Trainer(config, trained, state, collectives, dataset, peakFlops)) {
            TrainingLoop loop = new TrainingLoop(state, trainer, checkpoints, schedule, log);
            haltWhenPeersAreLost(() -> loop.run(stop::get));
        }
    }

    /** Something that needs the other ranks. */
    private interface CollectiveTask {
        void run() throws IOException;
    }

    /**
     * Ends this process at once when the others fail it. To end in good order would say goodbye to ranks that must hear
     * of a failure, and waits for threads that may hang as others do.
     */
    private static void haltWhenPeersAreLost(CollectiveTask part) throws IOException {
        try {
            part.run();
        } catch (CollectiveException e) {
            System.out.println("error: " + e.getMessage());
            System.out.flush();
            Runtime.getRuntime().halt(exitCode(e));
        }
    }

    private void prune(CheckpointFolder checkpoints, long needed) throws IOException {
        Retention retention = run.settings().checkpoints().retention();
        List<String> deleted =
                retention.prune(checkpoints, needed, warning -> System.out.println("warning: " + warning));
        if (!deleted.isEmpty()) {
            System.out.println("deleted " + String.join(", ", deleted) + " (--keep-last " + retention.keepLast() + ")");
        }
    }

    private Collectives join(Dataset dataset, Secret secret) throws IOException {
        ExchangeSetup exchange = run.settings().exchange();
        Map<String, String> common = new LinkedHashMap<>(file.common(run));
        common.put("data set", dataset.sha256());
        return Collectives.join(
                new RankIdentity(environment.rank(), environment.worldSize(), environment.runId(), common),
                new CollectivesConfig(
                        RendezvousAddress.parse(environment.rendezvous()),
                        Path.of(environment.driverDirectory()),
                        exchange.transport(),
                        exchange.deadline(),
                        exchange.deadline(),
                        secret));
    }

    private String begin(TrainState state) {
        String where = environment.resumeFrom().isEmpty() ? "starting" : "resuming from " + environment.resumeFrom();
        return String.format(
                "%s: %,d parameters, %d rank%s, %d microbatches a step%s, %s, device %s",
                where,
                state.layout().numElements(),
                environment.worldSize(),
                environment.worldSize() == 1 ? "" : "s",
                config.microbatches(),
                config.reduction().isExact() ? "" : " (" + summed(config.reduction()) + ")",
                // A rank may have failed while it sampled.
                state.step == config.steps()
                        ? "all " + state.step + " steps made"
                        : "steps " + (state.step + 1) + " to " + config.steps(),
                setup.device().describe());
    }

    private String summed(Reduction reduction) {
        String text = "reduction " + reduction.flag();
        return reduction.wire() == Wire.FP32 || environment.worldSize() == 1
                ? text
                : text + ", wire " + reduction.wire().flag();
    }
}
