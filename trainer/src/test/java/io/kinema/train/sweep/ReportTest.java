package io.kinema.train.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.clip.Patch;
import io.kinema.data.command.ConfigException;
import io.kinema.train.memory.Workload;
import io.kinema.train.model.DitConfig;
import io.kinema.train.run.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code launch/sweep.sh fit}, {@code plot} and {@code recommend} on anyone's points. */
class ReportTest {
    @TempDir
    private static Path folder;

    private static Path fit;

    @BeforeAll
    static void fitPoints() throws Exception {
        Path points = folder.resolve("points.csv");
        PointsFile.write(points, Chinchilla.points(4, 6, 0.005, 3));
        assertEquals(0, SweepCommand.run("fit", "--points", points.toString(), "--samples", "100"));
        fit = folder.resolve("fit");
    }

    @Test
    void shouldDrawEveryPictureAndAPageThatNeedsNothingElse() throws Exception {
        Path report = folder.resolve("report.html");
        assertEquals(0, SweepCommand.run("plot", "--fit", fit.toString(), "--output", report.toString()));
        for (String name : List.of("sizes", "frontier", "division", "residuals")) {
            Path svg = folder.resolve("report-" + name + ".svg");
            assertEquals(
                    "svg",
                    DocumentBuilderFactory.newInstance()
                            .newDocumentBuilder()
                            .parse(svg.toFile())
                            .getDocumentElement()
                            .getTagName());
            assertNotNull(ImageIO.read(folder.resolve("report-" + name + ".png").toFile()));
        }
        String page = Files.readString(report);
        assertFalse(
                page.contains("http://") || page.contains("https://") || page.contains("<script"), "needs a network");
        assertEquals(4, page.split("data:image/svg\\+xml;base64,", -1).length - 1);
        for (Published each : Published.ALL) {
            assertTrue(page.contains(each.source()), each.source());
        }
        assertTrue(page.contains("<td>this fit, law</td>"), "no exponents of its own");
    }

    @Test
    void shouldRecommendATrainingThatCostsTheBudget() throws Exception {
        Path trainings = folder.resolve("trainings.csv");
        // Of 8 microbatches of 1024 tokens.
        PointsFile.write(
                trainings,
                Chinchilla.points(4, 6, 0.005, 3).stream()
                        .map(point -> new ScalingPoint(
                                point.n(),
                                point.d(),
                                point.c(),
                                point.loss(),
                                0,
                                "4x128x4",
                                "1x64x2",
                                Math.round(point.d() / (8 * 1024)),
                                2e-3,
                                8,
                                ""))
                        .toList());
        Path of = folder.resolve("fit-of-trainings");
        SweepCommand.run("fit", "--points", trainings.toString(), "--samples", "100", "--output", of.toString());
        Path args = folder.resolve("next.args");
        SweepCommand.run("recommend", "--fit", of.toString(), "--flops", "1e21", "--output", args.toString());
        Map<String, String> flags = Files.readAllLines(args).stream()
                .filter(line -> line.startsWith("--"))
                .map(line -> line.split(" "))
                .collect(Collectors.toMap(words -> words[0], words -> words[1]));
        DitConfig model = DitConfig.parse(flags.get("--model"), flags.get("--caption-model"))
                .withPatch(Patch.parse(flags.get("--patch")));
        double n = Workload.parameters(model);
        Budget.Division best =
                new Budget(FitResult.read(of).law(), FitResult.read(of).costOfToken()).best(1e21);
        assertEquals(best.n(), n, 0.1 * best.n());
        double tokens = Double.parseDouble(flags.get("--steps")) * Integer.parseInt(flags.get("--microbatches")) * 1024;
        assertEquals(1e21, 6 * n * tokens, 0.01 * 1e21);
        // The rate goes with the width to the power -0.5.
        assertEquals(2e-3 * Math.sqrt(128.0 / model.width()), Double.parseDouble(flags.get("--learning-rate")), 1e-6);
        // They are flags of launch/train.sh.
        assertEquals(model.tokens().patch(), Workload.patch(List.of("@" + args)));
    }

    /** Up to the largest budget that a run can train with the defaults of its model. */
    @ParameterizedTest
    @ValueSource(strings = {"1e21", "1e26", "1e30"})
    void shouldRecommendStepsWherePointsDoNotSayTheirs(String flops) throws Exception {
        Path args = folder.resolve("size-" + flops + ".args");
        SweepCommand.run("recommend", "--fit", fit.toString(), "--flops", flops, "--output", args.toString());
        Recipe recipe = Workload.recipe(List.of("@" + args));
        double n = Workload.parameters(recipe.model());
        double tokens = (double) recipe.steps() * recipe.microbatches() * recipe.tokens();
        double budget = Double.parseDouble(flops);
        assertEquals(budget, 6 * n * tokens, 0.01 * budget);
        assertFalse(Files.readString(args).contains("--learning-rate"), "the default is the model's");
    }

    @Test
    void shouldRefuseWhatNoRunCanTrain() {
        Path args = folder.resolve("huge.args");
        assertMistake(
                "the largest by the sweep's rule, ",
                "recommend",
                "--fit",
                fit.toString(),
                "--flops",
                "1e36",
                "--output",
                args.toString());
        assertFalse(Files.exists(args));
    }

    @Test
    void shouldRefuseMorePointsThanThereAreTrainings() throws Exception {
        Path many = folder.resolve("many.csv");
        PointsFile.write(many, Chinchilla.points(100, 101, 0, 3));
        assertMistake(
                "has 10,100 points; a fit takes at most 10,000: one for each training",
                "fit",
                "--points",
                many.toString());
    }

    @Test
    void shouldReplaceAnotherFitByForceOnly() throws Exception {
        Path other = folder.resolve("other-fit");
        String[] args = {"fit", "--points", folder.resolve("points.csv").toString(), "--samples", "100", "--output"};
        List<String> all = new ArrayList<>(List.of(args));
        all.add(other.toString());
        SweepCommand.run(all.toArray(String[]::new));
        assertMistake("other-fit/fit.json is there already", all.toArray(String[]::new));
        all.add("--force");
        assertEquals(0, SweepCommand.run(all.toArray(String[]::new)));
    }

    @Test
    void shouldSayWhatIsWrong() {
        assertMistake("--flops", "recommend", "--fit", fit.toString());
        assertMistake("--flops", "recommend", "--fit", fit.toString(), "--flops", "1e20", "--target-loss", "2");
        assertMistake("not reached", "recommend", "--fit", fit.toString(), "--target-loss", "0.5");
        assertMistake("h100", "recommend", "--fit", fit.toString(), "--gpu-hours", "5", "--gpu", "abacus");
        assertMistake("fit.json", "recommend", "--fit", folder.toString(), "--flops", "1e20");
        assertMistake(
                ".html",
                "plot",
                "--fit",
                fit.toString(),
                "--output",
                folder.resolve("x.pdf").toString());
        assertMistake(
                "points.csv",
                "fit",
                "--points",
                folder.resolve("nothing/points.csv").toString());
        assertMistake(
                "--samples", "fit", "--points", folder.resolve("points.csv").toString(), "--samples", "3");
        assertMistake("no sweep", "status", folder.toString());
        assertMistake("use run, status", "sing");
    }

    private static void assertMistake(String part, String... args) {
        String message = assertThrows(ConfigException.class, () -> SweepCommand.run(args), part)
                .getMessage();
        assertTrue(message.contains(part), message);
    }

    @Test
    void shouldRefuseADamagedFit() throws IOException {
        Path damaged = Files.createDirectories(folder.resolve("damaged"));
        byte[] whole = Files.readAllBytes(fit.resolve(FitResult.FILE));
        Files.write(damaged.resolve(FitResult.FILE), java.util.Arrays.copyOf(whole, whole.length / 2));
        assertThrows(ConfigException.class, () -> FitResult.read(damaged));
    }
}
