package io.kinema.train.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.data.shard.Dataset;
import io.kinema.train.LaunchedProgram;
import io.kinema.train.TinyData;
import io.kinema.train.Train;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Recompute;
import io.kinema.train.run.FlagText;
import io.kinema.train.run.RankSetup;
import io.kinema.train.run.Recipe;
import io.kinema.train.run.RunSettings;
import io.kinema.train.tensor.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The estimate of a run's memory, against what runs take, and what it refuses. */
@EnabledOnOs(OS.LINUX)
class MemoryCheckTest {
    private static final Pattern PEAK = Pattern.compile("peak memory of rank 0: (\\d+) bytes");

    @TempDir
    private static Path root;

    private static Path data;

    @BeforeAll
    static void makeData() throws Exception {
        data = TinyData.write(root.resolve("data"), 1);
    }

    private static String flags(String model, String precision, int nodes) {
        return "--patch 2x4x4 --tokens 128 --steps 1 --microbatches 2 --device cpu --threads 1 --model " + model
                + " --precision " + precision + " --nodes " + nodes;
    }

    private static RankMemory.Setup need(String flags) {
        RunSettings settings = FlagText.settings(flags);
        RankSetup ranks = settings.ranks();
        return new RankMemory.Setup(
                settings.recipe(),
                ranks.recompute(),
                ranks.device(),
                ranks.numRanks(),
                ranks.zero(),
                settings.checkpoints().isAsync());
    }

    private static List<RankMemory> estimate(String flags) throws IOException {
        try (Dataset dataset = Dataset.open(data.toString())) {
            return RankMemory.of(
                    need(flags), LargestMicrobatches.of(dataset, need(flags).config()));
        }
    }

    /** What Java itself takes is in both runs, and out of the difference. */
    @Test
    void shouldForetellWhatARankTakes() throws Exception {
        String small = flags("debug", "bf16", 1);
        String large = flags("S", "bf16", 1);
        long estimate = estimate(large).getFirst().totalBytes()
                - estimate(small).getFirst().totalBytes();
        long measured = measure(large) - measure(small);
        assertTrue(estimate > 500_000_000, "estimate " + estimate);
        assertEquals(measured, estimate, 0.1 * measured);
    }

    /**
     * The heap is kept small, so that what it has not collected yet does not count. Without its limit G1 makes it
     * greater the busier the machine is.
     */
    private static long measure(String flags) throws Exception {
        List<String> smallHeap = List.of("-Xms64m", "-Xmx96m", "-Xmn32m", LaunchedProgram.OPTIMISED);
        Path run = Files.createTempDirectory(root, "run");
        List<String> args = new ArrayList<>(List.of(flags.split(" ")));
        args.addAll(List.of("--data", data.toString(), "--run", run.toString(), "--sample-steps", "0"));
        try (LaunchedProgram training =
                LaunchedProgram.start(smallHeap, Train.class, root.resolve("work"), args.toArray(String[]::new))) {
            Matcher peak = PEAK.matcher(training.expectExit(0));
            assertTrue(peak.find(), training.output());
            return Long.parseLong(peak.group(1));
        }
    }

    @Test
    void shouldNameTheStageWithWhichARankFits() throws IOException {
        String flags = flags("S", "fp32", 8) + " --microbatches 8";
        long gradients = estimate(flags + " --zero 2").getFirst().totalBytes();
        long weights = estimate(flags + " --zero 3").getFirst().totalBytes();
        long limit = MemoryCheck.jvmBytes() + (gradients + weights) / 2;
        try (Dataset dataset = Dataset.open(data.toString())) {
            MemoryCheck.Limits limits = new MemoryCheck.Limits(OptionalLong.empty(), OptionalLong.of(limit));
            ConfigException e =
                    assertThrows(ConfigException.class, () -> MemoryCheck.require(dataset, need(flags), limits));
            assertTrue(e.getMessage().contains(" MB on each of 8 ranks, --memory-per-node allows "), e::getMessage);
            assertTrue(e.getMessage().contains("it fits with --zero 3"), e::getMessage);
            MemoryCheck.require(dataset, need(flags + " --zero 3"), limits);
        }
    }

    /** Every tensor of a step, none of which is really allocated. */
    @Test
    void shouldForetellMoreParametersThanAnIntCounts() throws IOException {
        RankMemory.Setup small = need(flags("debug", "bf16", 2));
        DitConfig model = DitConfig.parse("40x2048x16", "6x512x8")
                .withPatch(small.config().model().tokens().patch());
        List<RankMemory> ranks;
        try (Dataset dataset = Dataset.open(data.toString())) {
            Recipe config = small.config().withModel(model);
            ranks = RankMemory.of(small.with(config), LargestMicrobatches.of(dataset, config));
        }
        double parameters = Workload.parameters(model);
        assertTrue(parameters > 3e9, "parameters: " + parameters);
        RankMemory last = ranks.getLast();
        assertEquals(2 * parameters, last.weightBytes(), 1e-3 * parameters);
        assertEquals(16 / 2 * parameters, last.optimizerBytes(), 1e-3 * parameters);
        assertTrue(last.packedBytes() > 2 * parameters, last::toString);
        assertTrue(last.workspaceBytes() > 128 * 2048 * 40L, last::toString);
    }

    @Test
    void shouldShareOptimizerAndGradientsOutToTheRanks() throws IOException {
        RankMemory alone = estimate(flags("S", "bf16", 1)).getFirst();
        List<RankMemory> two = estimate(flags("S", "bf16", 2));
        assertEquals(2, two.size());
        assertEquals(alone.optimizerBytes(), 2 * two.getFirst().optimizerBytes(), 0.01 * alone.optimizerBytes());
        assertEquals(alone.weightBytes(), two.getLast().weightBytes());
        RankMemory wide = estimate(flags("S", "fp32", 1)).getFirst();
        assertEquals(wide.weightBytes(), 2 * alone.weightBytes());
    }

    @Test
    void shouldPrintWhatEachPartTakes() throws IOException {
        try (Dataset dataset = Dataset.open(data.toString())) {
            String text = MemoryCheck.require(dataset, need(flags("S", "fp32", 2)), host(1L << 50));
            for (String part : List.of("weights ", "gradients", "optimizer", "activations", "total", "2 ranks and ")) {
                assertTrue(text.contains(part), text);
            }
        }
    }

    @Test
    void shouldNameTheFlagsThatMakeItFit() throws IOException {
        String flags = flags("S", "fp32", 2);
        RankMemory first = estimate(flags).getFirst();
        // More than one rank takes, whose shard of the optimizer is all of it, and less than two.
        long little = 7 * first.totalBytes() / 4;
        String message = refusal(flags, little);
        assertTrue(message.contains("2 ranks") && message.contains("it fits with"), message);
        assertTrue(message.contains("--nodes 1"), message);
        assertFalse(message.contains("\n"), message);
        String hopeless = refusal(flags, 1000);
        assertTrue(hopeless.contains("no flag makes it fit"), hopeless);
    }

    @Test
    void shouldNameTheReductionThatKeepsFewerSums() throws IOException {
        String flags = flags("S", "fp32", 1) + " --microbatches 16";
        long exact = estimate(flags).getFirst().gradientBytes();
        long little = MemoryCheck.jvmBytes() + estimate(flags).getFirst().totalBytes() - exact / 2;
        assertTrue(refusal(flags, little).contains("--reduction fast"));
        String fast = flags + " --reduction fast";
        // Four sums and a block in place of one sum and a block.
        assertTrue(estimate(fast).getFirst().gradientBytes() < 0.35 * exact);
        try (Dataset dataset = Dataset.open(data.toString())) {
            MemoryCheck.require(dataset, need(fast), host(little));
        }
    }

    @Test
    void shouldNotNameFlagsThatAreGivenAlready() throws IOException {
        String flags = flags("S", "bf16", 2) + " --recompute blocks";
        long little = 3 * estimate(flags).getFirst().totalBytes() / 2;
        String message = refusal(flags, little);
        assertFalse(message.contains("--recompute") || message.contains("--precision"), message);
        assertEquals(Precision.BF16, need(flags).config().precision());
        assertEquals(Recompute.BLOCKS, need(flags).recompute());
    }

    private static MemoryCheck.Limits host(long available) {
        return new MemoryCheck.Limits(OptionalLong.of(available), OptionalLong.empty());
    }

    private static String refusal(String flags, long available) throws IOException {
        try (Dataset dataset = Dataset.open(data.toString())) {
            return assertThrows(ConfigException.class, () -> MemoryCheck.require(dataset, need(flags), host(available)))
                    .getMessage();
        }
    }
}
