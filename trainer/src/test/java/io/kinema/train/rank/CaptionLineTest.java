package io.kinema.train.rank;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.kinema.data.clip.Patch;
import io.kinema.train.TinyData;
import io.kinema.train.checkpoint.CheckpointFolder;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Recompute;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.RunFolder;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.save.StateStore;
import io.kinema.train.step.Trainer;
import io.kinema.train.step.TrainingRanks;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Training says once that captions are cut, and nothing where none is. */
@EnabledOnOs(OS.LINUX)
class CaptionLineTest {
    private static final DitConfig MODEL = new DitConfig(1, 16, 2, 1, 8, 2, new Patch(2, 4, 4));

    @TempDir
    private Path root;

    /** The lines about captions of so many steps of one microbatch; an epoch has five to eleven. */
    private List<String> lines(String name, String captionEnd, int steps) throws Exception {
        Path data = TinyData.write(root.resolve(name), 1, captionEnd);
        LearningRate learningRate = new LearningRate(1e-3, 0, steps, LearningRate.Schedule.CONSTANT);
        Recipe config = TrainingRanks.config(MODEL, 1, learningRate, Precision.FP32, 0);
        RunFolder folder = new RunFolder(root.resolve(name + "-run"));
        folder.create();
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            new TrainingRanks(data, config, Recompute.NONE, ZeroStage.OPTIMIZER, type -> CpuDevice.open(type, 1))
                    .run(1, run -> train(run, folder));
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8)
                .lines()
                .filter(line -> line.startsWith("captions: "))
                .toList();
    }

    private static boolean train(TrainingRanks.Run run, RunFolder folder) throws IOException {
        StateStore checkpoints = run.checkpoints(new CheckpointFolder(folder.checkpoints()));
        TrainingLoop.Schedule schedule = new TrainingLoop.Schedule(
                run.config(),
                0,
                epoch -> StateStore.describe(
                        run.config(), run.state(), run.dataset().sha256(), epoch, List.of()));
        try (RunLog log = RunLog.open(folder, run.config(), 0);
                Trainer trainer = run.trainer()) {
            new TrainingLoop(run.state(), trainer, checkpoints, schedule, log).run(() -> false);
        }
        return true;
    }

    @Test
    void shouldSayOnceWhatIsCutInTheFirstEpoch() throws Exception {
        List<String> lines = lines("long", " and more".repeat(40), 30);
        assertEquals(1, lines.size());
        String end = " that rank 0 has read are cut to 256 bytes; the longest has 374";
        // Of ten captions two are dropped, for guidance.
        assertEquals("captions: 8 of the 8" + end, lines.getFirst());
    }

    @Test
    void shouldSayWhatIsCutInARunOfLessThanAnEpoch() throws Exception {
        assertEquals(1, lines("few", " and more".repeat(40), 2).size());
    }

    @Test
    void shouldSayNothingWhereNothingIsCut() throws Exception {
        assertEquals(List.of(), lines("short", "", 30));
    }
}
