package io.kinema.train.step;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.kinema.data.shard.Dataset;
import io.kinema.train.TinyData;
import io.kinema.train.diffusion.DiffusionLoss;
import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Mixtures;
import io.kinema.train.diffusion.Objective.Mixture;
import io.kinema.train.diffusion.RectifiedFlow;
import io.kinema.train.input.ClipLoader;
import io.kinema.train.model.CaptionBytes;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterSet;
import io.kinema.train.model.SpacetimeDit;
import io.kinema.train.optim.ShardedAdamW;
import io.kinema.train.optim.ShardedAdamW.AdamWConfig;
import io.kinema.train.run.FlagText;
import io.kinema.train.run.Recipe;
import io.kinema.train.tensor.DType;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.UploadBuffer;
import io.kinema.train.tensor.UploadMemory;
import io.kinema.train.tensor.cpu.CpuDevice;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What training leaves on the Java heap once its code is compiled. Interpreted code makes an object of every vector, so
 * work is repeated until a window of it stays within the bound; code that makes garbage by itself never gets there.
 */
class SteadyStateTest {
    private static final int WINDOW = 25;
    private static final int MOST_WINDOWS = 80;
    private static final int CLIPS = 2;
    /** Tensors, what operations hand to workers, sums of blocks: some hundred objects of a few dozen bytes each. */
    private static final long STEP_BYTES = 75_000;
    /** What Arrow makes of a record batch, texts of clips, their frames. */
    private static final long LOADED_BYTES = 12_000;

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir
    private static Path root;

    private interface Work {
        void run() throws IOException;
    }

    private static List<Thread> threads(String prefix) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread ->
                        thread != Thread.currentThread() && thread.getName().startsWith(prefix))
                .toList();
    }

    /** Bytes that this thread and others have allocated. */
    private static long allocatedBytes(List<Thread> others) {
        long bytes = THREADS.getCurrentThreadAllocatedBytes();
        for (Thread thread : others) {
            bytes += THREADS.getThreadAllocatedBytes(thread.threadId());
        }
        return bytes;
    }

    private static void expectAtMost(long bound, String prefix, Work work) throws IOException {
        work.run();
        List<Thread> threads = threads(prefix);
        assertFalse(threads.isEmpty(), prefix);
        long least = Long.MAX_VALUE;
        for (int window = 0; window < MOST_WINDOWS && least > bound; window++) {
            long before = allocatedBytes(threads);
            for (int i = 0; i < WINDOW; i++) {
                work.run();
            }
            least = Math.min(least, (allocatedBytes(threads) - before) / WINDOW);
        }
        assertTrue(least <= bound, least + " bytes of garbage each time, " + bound + " are allowed");
    }

    private static Microbatch microbatch(DitConfig model, int patchesOfTime) {
        List<Grid> grids = Collections.nCopies(CLIPS, new Grid(patchesOfTime, 4, 4));
        List<int[]> captions = Collections.nCopies(CLIPS, CaptionBytes.of("a red circle moves over a blue wall"));
        Packing packing = Packing.of(grids, captions);
        Random random = new Random(1);
        float[] values = new float[packing.tokens().total() * model.tokens().values()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        List<Mixture> mixtures = Collections.nCopies(CLIPS, new RectifiedFlow(1).at(0.5));
        float[] weights = new float[packing.tokens().total()];
        Arrays.fill(weights, 1);
        return new Microbatch(
                Collections.nCopies(CLIPS, "clip"),
                packing,
                UploadBuffer.of(values),
                UploadBuffer.of(values),
                UploadBuffer.of(weights),
                Mixtures.of(mixtures));
    }

    /** The same bound for clips of 16 and of 64 tokens: nothing grows with them. */
    @Test
    void shouldComputeAStepWithoutGarbageThatGrowsWithTokens() throws IOException {
        DitConfig config = DitConfig.preset("debug");
        SpacetimeDit model = new SpacetimeDit(config);
        try (CpuDevice device = CpuDevice.open(DType.FP32, 2)) {
            ParameterSet weights = ParameterSet.weights(device, model.layout());
            ParameterSet sums = ParameterSet.gradients(device, model.layout());
            Gradients gradients = new Gradients(weights, sums);
            AdamWConfig constants = new AdamWConfig(0.9, 0.95, 1e-8, 0.01, 1, 0.99);
            List<Group> groups = model.layout().groups();
            List<ShardedAdamW> optimizers = groups.stream()
                    .map(group ->
                            new ShardedAdamW(device, constants, weights.flat(group), group.stretches(0, group.size())))
                    .toList();
            Scalars squares = device.scalars(Math.toIntExact(model.layout().flatSize() / Device.SHARD_ALIGNMENT));
            DiffusionLoss loss = new DiffusionLoss(model, device);
            for (int patchesOfTime : new int[] {4, 1}) {
                Microbatch batch = microbatch(config, patchesOfTime);
                expectAtMost(STEP_BYTES, "cpu-worker", () -> {
                    groups.forEach(group -> device.zero(sums.flat(group)));
                    try (Device.Scope _ = device.openScope()) {
                        loss.forwardBackward(gradients, batch, 1e-4);
                    }
                    int first = 0;
                    for (Group group : groups) {
                        device.sumOfSquares(sums.flat(group), Device.SHARD_ALIGNMENT, squares, first);
                        first += (int) (group.size() / Device.SHARD_ALIGNMENT);
                    }
                    double norm = Math.sqrt(Arrays.stream(device.read(squares)).sum());
                    for (Group group : groups) {
                        optimizers.get(group.index()).update(sums.flat(group), 1, norm, 1e-4, 1);
                    }
                });
            }
        }
    }

    @Test
    void shouldLoadMicrobatchesWithoutGarbageThatGrowsWithTheirNoise() throws IOException {
        int steps = MOST_WINDOWS * WINDOW + 1;
        Recipe config = FlagText.settings("--model debug --patch 2x4x4 --tokens 40 --microbatches 1 --steps " + steps)
                .recipe();
        try (Dataset dataset =
                        Dataset.open(TinyData.write(root.resolve("data"), 1).toString());
                ClipLoader loader = new ClipLoader(dataset, config, List.of(0), 0, 0, UploadMemory.HEAP)) {
            expectAtMost(LOADED_BYTES, "train-r0-loader", loader::next);
        }
    }
}
