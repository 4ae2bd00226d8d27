package io.kinema.train.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.CommandLine;
import io.kinema.data.command.ConfigException;
import io.kinema.train.memory.Workload;
import io.kinema.train.model.DitConfig;
import io.kinema.train.model.Flops;
import io.kinema.train.model.Grid;
import io.kinema.train.model.Packing;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class SweepPlanTest {
    private static final Patch PATCH = new Patch(2, 4, 4);

    /** Microbatches of 64 tokens. */
    private static final Packing PACKING =
            Packing.of(List.of(new Grid(2, 4, 4), new Grid(2, 4, 4)), List.of(new int[20], new int[30]));

    private static final Workload WORKLOAD =
            new Workload(DitConfig.preset("debug").withPatch(PATCH), List.of(PACKING));

    private static Map<String, PlannedPoint> plan(String... args) {
        SweepFlags flags = new SweepFlags();
        new CommandLine("sweep", "", flags).parse(args);
        flags.check();
        return new SweepPlan(flags, WORKLOAD)
                .points(flags.modelShapes()).stream().collect(Collectors.toMap(PlannedPoint::name, point -> point));
    }

    @Test
    void shouldGiveEachModelTheStepsThatCostTheBudgetAttentionIncluded() {
        Map<String, PlannedPoint> plan =
                plan("--sweep", "x", "--widths", "64,128", "--budgets", "1e11,4e11", "--microbatches", "4");
        assertEquals(4, plan.size());
        PlannedPoint point = plan.get("4x128x4-c4e11-lr0.001-v4");
        DitConfig model = DitConfig.parse("4x128x4", "1x64x2").withPatch(PATCH);
        double step = 4 * Flops.training(model, PACKING);
        assertEquals(Math.round(4e11 / step), point.steps());
        assertEquals(point.steps() * step, point.flops(), 1);
        assertEquals(point.steps() * 4 * 64.0, point.tokens());
        assertEquals(Workload.parameters(model), point.parameters());
    }

    @Test
    void shouldCountSixNdWhereAsked() {
        Map<String, PlannedPoint> plan =
                plan("--sweep", "x", "--widths", "64", "--budgets", "1e11", "--microbatches", "1", "--flops", "6nd");
        PlannedPoint point = plan.get("2x64x2-c1e11-lr0.001-v1");
        assertEquals(6.0 * point.parameters() * point.tokens(), point.flops(), 1);
    }

    @Test
    void shouldScaleLearningRateAndBatchByTheirRules() {
        Map<String, PlannedPoint> plan = plan(
                "--sweep",
                "x",
                "--widths",
                "32,128",
                "--token-counts",
                "64000,1024000",
                "--learning-rates",
                "1e-3",
                "--learning-rate-exponent",
                "-0.5",
                "--microbatches",
                "2",
                "--batch-exponent",
                "0.5",
                "--base-tokens",
                "64000");
        assertEquals(2e-3, plan.get("1x32x1-d6.4e04-lr0.001-v2").learningRate(), 1e-12);
        assertEquals(1e-3, plan.get("4x128x4-d6.4e04-lr0.001-v2").learningRate(), 1e-12);
        assertEquals(2, plan.get("1x32x1-d6.4e04-lr0.001-v2").microbatches());
        assertEquals(8, plan.get("1x32x1-d1.02e06-lr0.001-v2").microbatches());
    }

    @Test
    void shouldTrainEachPointWithEachLearningRateAndBatch() {
        Map<String, PlannedPoint> plan = plan(
                "--sweep",
                "x",
                "--models",
                "2x64x2",
                "--token-counts",
                "64000",
                "--learning-rates",
                "1e-3,2e-3",
                "--microbatches",
                "1,2",
                "--base-width",
                "64");
        assertEquals(4, plan.size());
        assertEquals(500, plan.get("2x64x2-d6.4e04-lr0.002-v2").steps());
        assertEquals(1000, plan.get("2x64x2-d6.4e04-lr0.001-v1").steps());
    }

    @Test
    void shouldPlanForMoreRanksThanATrainingHasMicrobatchesByDefault() {
        Map<String, PlannedPoint> plan =
                plan("--sweep", "x", "--widths", "64", "--budgets", "1e12", "--nodes", "16", "--microbatches", "32");
        assertEquals(32, plan.get("2x64x2-c1e12-lr0.001-v32").microbatches());
        assertEquals(
                plan,
                plan("--sweep", "x", "--widths", "64", "--budgets", "1e12", "--ranks", "16", "--microbatches", "32"));
    }

    @Test
    void shouldRefuseABudgetOfTooFewSteps() {
        ConfigException refused = assertThrows(
                ConfigException.class,
                () -> plan("--sweep", "x", "--widths", "64", "--token-counts", "1000", "--microbatches", "4"));
        assertTrue(
                refused.getMessage().contains("2x64x2-d1000-lr0.001-v4")
                        && refused.getMessage().contains("4 steps"),
                refused.getMessage());
    }

    @Test
    void shouldSayWhatIsWrongWithItsFlags() {
        for (List<String> wrong : List.of(
                List.of("--widths", "64"),
                List.of("--budgets", "1e12"),
                List.of("--widths", "64", "--models", "2x64x2", "--budgets", "1e12"),
                List.of("--widths", "65", "--budgets", "1e12"),
                List.of("--widths", "64,many", "--budgets", "1e12"),
                List.of("--widths", "64.5", "--budgets", "1e12"),
                List.of("--models", "2x64", "--budgets", "1e12"),
                List.of("--widths", "64", "--budgets", "1e12", "--slots", "0"),
                List.of("--widths", "64", "--budgets", "1e12", "--flops", "guess"),
                List.of("--widths", "64", "--token-counts", "1020000,1024000"),
                List.of("--widths", "64", "--budgets", "1e12", "--nodes", "4", "--microbatches", "2"),
                List.of("--widths", "64", "--budgets", "1e12", "--train", "--steps 3"),
                List.of("--widths", "64", "--budgets", "1e12", "--train", "--ranks 3"),
                List.of("--widths", "64", "--budgets", "1e12", "--train", "--stops 3"),
                List.of("--widths", "64", "--budgets", "1e12", "--evaluate", "--output x"),
                List.of("--widths", "64", "--budgets", "1e12", "--evaluate", "--time 3"),
                List.of("--widths", "64", "--budgets", "1e12", "--evaluate", "--weights best"))) {
            List<String> args = new java.util.ArrayList<>(List.of("--sweep", "x"));
            args.addAll(wrong);
            assertThrows(ConfigException.class, () -> plan(args.toArray(String[]::new)), wrong.toString());
        }
    }
}
