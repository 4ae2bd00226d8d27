package io.kinema.train.step;

import io.kinema.data.shard.Dataset;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Trainable;
import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.CollectivesConfig;
import io.kinema.train.dist.reduction.Reduction;
import io.kinema.train.dist.rendezvous.RankIdentity;
import io.kinema.train.dist.rendezvous.RendezvousAddress;
import io.kinema.train.dist.rendezvous.RendezvousServer;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.transport.MediaDriverHost;
import io.kinema.train.dist.transport.Transport;
import io.kinema.train.metrics.StepMetrics;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.Recompute;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.optim.ShardedAdamW.AdamWConfig;
import io.kinema.train.run.CaptionMix;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.save.StateCopy;
import io.kinema.train.save.StateStore;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;

/**
 * The ranks of a training, in threads of this process.
 *
 * @param data the data set
 * @param config of the run
 * @param recompute what backward computes again
 * @param zero what is sharded
 * @param device opens a rank's device for a working type
 */
public record TrainingRanks(
        Path data, Recipe config, Recompute recompute, ZeroStage zero, Function<DType, Device> device) {
    public static final Duration DEADLINE = Duration.ofSeconds(60);

    /** A run of packed microbatches of at most 40 tokens, as many steps as the learning rate has. */
    public static Recipe config(
            DitConfig model, int microbatches, LearningRate learningRate, Precision precision, double spikeSigma) {
        return new Recipe(
                model,
                "flow",
                3,
                microbatches,
                40,
                learningRate.totalSteps(),
                1,
                new CaptionMix(0.1, Map.of()),
                learningRate,
                new AdamWConfig(0.9, 0.95, 1e-8, 0.01, 1, 0.9),
                precision,
                spikeSigma,
                Reduction.EXACT);
    }

    /** What is done on a rank. */
    public interface Body<T> {
        T run(Run run) throws Exception;
    }

    /**
     * One rank of a run.
     *
     * @param config of the run
     * @param trained the network with its loss
     * @param state at step 0
     * @param collectives with the other ranks
     * @param dataset of the run
     */
    public record Run(Recipe config, Trainable trained, TrainState state, Collectives collectives, Dataset dataset) {

        /** Begins at the step that has been reached. */
        public Trainer trainer() {
            return new Trainer(config, trained, state, collectives, dataset, 1e9);
        }

        public List<StepMetrics> steps(int count) throws IOException {
            List<StepMetrics> made = new ArrayList<>();
            try (Trainer trainer = trainer()) {
                for (int i = 0; i < count; i++) {
                    made.add(trainer.step(() -> new StepReport.RankStatus(false, true, false), 0)
                            .metrics());
                }
            }
            return made;
        }

        /** This rank's shards of the master weights and of the optimizer's state. */
        public List<float[]> optimized() {
            List<Tensor> tensors = new ArrayList<>();
            for (Group group : state.groups()) {
                tensors.addAll(List.of(state.optimizer(group).state()));
                tensors.add(state.optimizer(group).master());
            }
            return tensors.stream().map(this::floats).toList();
        }

        private float[] floats(Tensor tensor) {
            float[] values = new float[(int) tensor.size()];
            state.device().read(tensor, 0, MemorySegment.ofArray(values));
            return values;
        }

        /** This rank's shard of the stem, 16 bits an element. */
        short[] working() {
            Tensor shard = state.weights().shard(state.groups().getFirst());
            short[] values = new short[(int) shard.size()];
            state.device().read(shard, 0, MemorySegment.ofArray(values));
            return values;
        }

        /** Replaces the first values of this rank's shard of the stem. */
        void poison(MemorySegment nan) {
            Group stem = state.groups().getFirst();
            state.device().write(state.weights().shard(stem), 0, nan);
        }

        public StateStore checkpoints(CheckpointFolder folder) {
            return new StateStore(folder, new StateCopy(state, collectives), _ -> {}, Optional.empty(), DEADLINE);
        }

        /** Writes a checkpoint of the step that has been reached. */
        public void save(CheckpointFolder folder) throws IOException {
            try (StateStore checkpoints = checkpoints(folder)) {
                checkpoints.save(StateStore.describe(config, state, dataset.sha256(), 0, List.of()));
            }
        }
    }

    /** Does something on each rank of a DiT that has been initialised; returns what each gave. */
    public <T> List<T> run(int worldSize, Body<T> body) throws Exception {
        return run(worldSize, DEADLINE, body);
    }

    /** Likewise, with another deadline of collectives. */
    public <T> List<T> run(int worldSize, Duration deadline, Body<T> body) throws Exception {
        return run(worldSize, deadline, this::dit, body);
    }

    /** Likewise, of any network. */
    public <T> List<T> run(int worldSize, Function<Device, Trainable> network, Body<T> body) throws Exception {
        return run(worldSize, DEADLINE, network, body);
    }

    private Trainable dit(Device on) {
        return new DiffusionLoss(new SpacetimeDit(config.model(), recompute), on);
    }

    private <T> List<T> run(int worldSize, Duration deadline, Function<Device, Trainable> network, Body<T> body)
            throws Exception {
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (MediaDriverHost driver = MediaDriverHost.start(worldSize);
                RendezvousServer server = RendezvousServer.start(anyPort, "run", worldSize, DEADLINE, Secret.NONE);
                var threads = Executors.newFixedThreadPool(worldSize)) {
            CollectivesConfig wires = new CollectivesConfig(
                    RendezvousAddress.parse(server.address()),
                    driver.directory(),
                    Transport.AUTO,
                    DEADLINE,
                    deadline,
                    Secret.NONE);
            List<Future<T>> futures = new ArrayList<>();
            for (int rank = 0; rank < worldSize; rank++) {
                RankIdentity identity = new RankIdentity(rank, worldSize, "run", Map.of());
                futures.add(threads.submit(() -> {
                    try (Dataset dataset = Dataset.open(data.toString());
                            Device opened = device.apply(config.precision().workingType());
                            Collectives collectives = Collectives.join(identity, wires)) {
                        Sharding sharding = new Sharding(zero, identity.rank(), worldSize);
                        Trainable trained = network.apply(opened);
                        TrainState state =
                                new TrainState(config, trained.layout(), opened, sharding, Optional.of(collectives));
                        state.initialise(config.seed());
                        return body.run(new Run(config, trained, state, collectives, dataset));
                    }
                }));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> future : futures) {
                results.add(future.get());
            }
            return results;
        }
    }
}
