package io.kinema.train.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.train.TinyData;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Recompute;
import io.kinema.train.optim.LearningRate;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.tensor.Precision;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a step asks of a device that computes later than it is told. */
class StepPassesTest {
    private static final DitConfig TINY = new DitConfig(2, 32, 2, 1, 16, 2, new Patch(2, 4, 4));
    private static final int STEPS = 3;

    @TempDir
    private Path root;

    @ParameterizedTest
    @CsvSource({"1, 1", "2, 1", "2, 2", "2, 3"})
    void shouldWaitForTheDeviceOnceAStep(int worldSize, int stage) throws Exception {
        Path data = TinyData.write(root.resolve("data"), 1);
        LearningRate learningRate = new LearningRate(1e-3, 0, STEPS, LearningRate.Schedule.CONSTANT);
        Recipe config = TrainingRanks.config(TINY, 4, learningRate, Precision.FP32, 0);
        new TrainingRanks(
                        data,
                        config,
                        Recompute.NONE,
                        ZeroStage.parse(stage),
                        type -> WatchedDevice.of(CpuDevice.open(type, 1)))
                .run(worldSize, run -> {
                    run.steps(STEPS);
                    WatchedDevice device = WatchedDevice.behind(run.state().device());
                    device.expectNoBreach();
                    assertEquals(STEPS, device.scalarReads());
                    assertTrue(worldSize == 1 ? device.completions() == 0 : device.completions() > 0);
                    return device;
                });
    }
}
