package io.kinema.train.rank;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kinema.data.clip.Patch;
import io.kinema.data.shard.Dataset;
import io.kinema.train.TinyData;
import io.kinema.train.TrainedRun;
import io.kinema.train.checkpoint.Checkpoint;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.checkpoint.Retention;
import io.kinema.train.input.ClipOrder;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Recompute;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.optim.Spikes;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.RunFolder;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.save.StateCopy;
import io.kinema.train.save.StateStore;
import io.kinema.train.step.TrainState;
import io.kinema.train.step.Trainer;
import io.kinema.train.step.TrainingException;
import io.kinema.train.step.TrainingRanks;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Training that leaves out spikes. One deviation above the mean is no spike, but many steps are, so that much happens
 * in few; and the model learns so slowly that what happens is chance.
 */
@EnabledOnOs(OS.LINUX)
class SpikeRunTest {
    private static final DitConfig MODEL = new DitConfig(2, 16, 2, 1, 8, 2, new Patch(2, 4, 4));
    private static final int STEPS = 160;
    private static final int EVERY = 10;
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private static Path root;

    private static Path data;
    private static TrainedRun undisturbed;

    @BeforeAll
    static void trainUndisturbed() throws Exception {
        data = TinyData.write(root.resolve("data"), 1);
        undisturbed = train("undisturbed", new Start(1, ZeroStage.OPTIMIZER, STEPS));
    }

    /** The ranks of one start of a run, and the step at which somebody stops it. */
    private record Start(int worldSize, ZeroStage zero, int stopAfter) {}

    private static Recipe config(double sigma) {
        LearningRate learningRate = new LearningRate(3e-5, 0, STEPS, LearningRate.Schedule.CONSTANT);
        return TrainingRanks.config(MODEL, 3, learningRate, Precision.FP32, sigma);
    }

    private static TrainedRun train(String name, Start... starts) throws Exception {
        return train(config(1), name, starts);
    }

    /** Trains from the newest checkpoint on, keeping one only. */
    private static TrainedRun train(Recipe config, String name, Start... starts) throws Exception {
        RunFolder folder = new RunFolder(root.resolve(name));
        folder.create();
        CheckpointFolder checkpoints = new CheckpointFolder(folder.checkpoints());
        for (Start start : starts) {
            Optional<Checkpoint> from = checkpoints.newestValid(problem -> fail(problem));
            new TrainingRanks(data, config, Recompute.NONE, start.zero, type -> CpuDevice.open(type, 1))
                    .run(start.worldSize, run -> {
                        StateStore saved = new StateStore(
                                checkpoints,
                                new StateCopy(run.state(), run.collectives()),
                                needed -> new Retention(1, 0).prune(checkpoints, needed, _ -> {}),
                                Optional.empty(),
                                TrainingRanks.DEADLINE);
                        if (from.isPresent()) {
                            saved.restore(from.get().folder());
                        }
                        loop(run, saved, folder, start.stopAfter);
                        return null;
                    });
        }
        return new TrainedRun(folder.path());
    }

    private static void loop(TrainingRanks.Run run, StateStore checkpoints, RunFolder folder, int stopAfter)
            throws IOException {
        TrainState state = run.state();
        TrainingLoop.Schedule schedule = new TrainingLoop.Schedule(
                run.config(),
                EVERY,
                epoch -> StateStore.describe(run.config(), state, run.dataset().sha256(), epoch, List.of()));
        try (RunLog log = state.rank() == 0 ? RunLog.open(folder, run.config(), state.step) : RunLog.none();
                Trainer trainer = run.trainer()) {
            new TrainingLoop(state, trainer, checkpoints, schedule, log).run(() -> state.step + 1 >= stopAfter);
        }
    }

    private static List<JsonNode> lines(TrainedRun run, String file) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(run.folder().resolve(file))) {
            lines.add(JSON.readTree(line));
        }
        return lines;
    }

    private static List<JsonNode> spikes(TrainedRun run) throws IOException {
        return lines(run, "spikes.jsonl");
    }

    private static void expectUndisturbed(TrainedRun run) throws IOException {
        assertEquals(undisturbed.digest(STEPS), run.digest(STEPS));
        run.expectStepsOf(undisturbed, STEPS);
        assertEquals(spikes(undisturbed), spikes(run));
        assertEquals(state(undisturbed), state(run));
    }

    private static Spikes state(TrainedRun run) throws IOException {
        return Checkpoint.open(run.checkpoint(STEPS)).state().spikes();
    }

    @Test
    void shouldWriteDownEachSpikeWithItsClips() throws Exception {
        List<JsonNode> metrics = lines(undisturbed, "metrics.jsonl");
        List<JsonNode> skipped = metrics.stream()
                .filter(line -> line.path("skipped").asBoolean())
                .toList();
        List<JsonNode> spikes = spikes(undisturbed);
        assertEquals(
                skipped.stream().map(line -> line.path("step")).toList(),
                spikes.stream().map(line -> line.path("step")).toList());
        assertTrue(spikes.size() > 5 && spikes.size() < STEPS / 2, spikes.toString());
        try (Dataset dataset = Dataset.open(data.toString())) {
            for (int i = 0; i < spikes.size(); i++) {
                JsonNode spike = spikes.get(i);
                assertEquals(skipped.get(i).path("skippedBecause"), spike.path("because"));
                assertTrue(spike.path("because").asText().contains(" deviations above its mean "), spike.toString());
                assertTrue(spike.path("step").asInt() > Spikes.FIRST_JUDGED, spike.toString());
                List<List<String>> clips = new ArrayList<>();
                for (int v = 0; v < 3; v++) {
                    List<String> ids = new ArrayList<>();
                    for (int clip : new ClipOrder(dataset, config(1))
                            .clips(spike.path("step").asInt() - 1, v)) {
                        ids.add(dataset.clips().get(clip).id());
                    }
                    clips.add(ids);
                }
                assertEquals(JSON.valueToTree(clips), spike.path("clips"));
            }
        }
    }

    @Test
    void shouldGoBackToTheCheckpointBeforeThreeInARow() throws Exception {
        List<JsonNode> spikes = spikes(undisturbed);
        List<Integer> amongSpikes = new ArrayList<>();
        int returns = 0;
        for (int i = 0; i < spikes.size(); i++) {
            int step = spikes.get(i).path("step").asInt();
            if (!spikes.get(i).has("returnedTo")) {
                amongSpikes.add(step);
                continue;
            }
            assertEquals(step - 2, spikes.get(i - 2).path("step").asInt(), spikes.toString());
            int checkpoint = (step - 3) / EVERY * EVERY;
            while (amongSpikes.contains(checkpoint)) {
                checkpoint -= EVERY;
            }
            assertEquals(checkpoint, spikes.get(i).path("returnedTo").asInt(), spikes.toString());
            returns++;
        }
        assertTrue(returns > 0, spikes.toString());
        assertNotEquals(
                undisturbed.digest(STEPS),
                train(config(0), "off", new Start(1, ZeroStage.OPTIMIZER, STEPS))
                        .digest(STEPS));
        assertFalse(Files.exists(root.resolve("off/spikes.jsonl")));
        assertFalse(Files.readString(
                        new TrainedRun(root.resolve("off")).checkpoint(STEPS).resolve("state.json"))
                .contains("spikes"));
    }

    /** Among the steps at which it is stopped are the first, second and third of a row. */
    @Test
    void shouldDecideTheSameWhateverRanksAndRestarts() throws Exception {
        int third = spikes(undisturbed).stream()
                .filter(spike -> spike.has("returnedTo"))
                .findFirst()
                .orElseThrow()
                .path("step")
                .asInt();
        expectUndisturbed(train(
                "restarted",
                new Start(2, ZeroStage.GRADIENTS, 7),
                new Start(3, ZeroStage.PARAMETERS, third - 2),
                new Start(1, ZeroStage.OPTIMIZER, third - 1),
                new Start(2, ZeroStage.PARAMETERS, third),
                new Start(3, ZeroStage.OPTIMIZER, third + 1),
                new Start(2, ZeroStage.OPTIMIZER, STEPS)));
    }

    @Test
    void shouldEndWhereThereIsNoCheckpointToGoBackTo() throws Exception {
        RunFolder folder = new RunFolder(root.resolve("lost"));
        folder.create();
        ExecutionException e = assertThrows(
                ExecutionException.class,
                () -> new TrainingRanks(
                                data, config(1), Recompute.NONE, ZeroStage.OPTIMIZER, type -> CpuDevice.open(type, 1))
                        .run(2, run -> {
                            Spikes.Level low = new Spikes.Level(1e-6, 1e-12);
                            run.state().spikes = new Spikes(Spikes.FIRST_JUDGED, low, low, 0, 0, 0);
                            loop(run, run.checkpoints(new CheckpointFolder(folder.checkpoints())), folder, STEPS);
                            return null;
                        }));
        String message = e.getCause().getMessage();
        assertTrue(e.getCause() instanceof TrainingException, message);
        assertTrue(message.startsWith("step 3: loss ") && message.contains("there is no checkpoint"), message);
        assertEquals(1, message.lines().count());
    }
}
