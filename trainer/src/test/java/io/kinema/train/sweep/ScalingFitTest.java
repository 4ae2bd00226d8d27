package io.kinema.train.sweep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScalingFitTest {
    @TempDir
    private Path folder;

    @Test
    void shouldRecoverKnownExponentsWithinItsIntervalsByEveryMethod() {
        FitResult result = new ScalingFit(Chinchilla.points(5, 7, 0.005, 8)).result(400, 1);
        contains(result, Quantity.E, 1.8172);
        contains(result, Quantity.ALPHA, 0.3478);
        contains(result, Quantity.BETA, 0.3658);
        for (Quantity a : List.of(Quantity.LAW_N, Quantity.ISOFLOP_N, Quantity.CURVES_N)) {
            contains(result, a, Chinchilla.A);
        }
        for (Quantity b : List.of(Quantity.LAW_D, Quantity.ISOFLOP_D, Quantity.CURVES_D)) {
            contains(result, b, 1 - Chinchilla.A);
        }
        assertTrue(Math.abs(result.leftOut().error()) < 0.03, result.leftOut().toString());
        assertTrue(result.quality().rSquared() > 0.99, result.quality().toString());
    }

    private static void contains(FitResult result, Quantity quantity, double truth) {
        Interval interval = result.estimates().get(quantity);
        assertTrue(interval.contains(truth), quantity + " " + interval + " does not contain " + truth);
        assertTrue(interval.high() - interval.low() < Math.abs(truth), quantity + " " + interval + " says nothing");
    }

    @Test
    void shouldGiveTheSameBytesWithAnyNumberOfThreads() throws Exception {
        List<ScalingPoint> points = Chinchilla.points(3, 5, 0.005, 2);
        byte[][] files = new byte[2][];
        for (int i = 0; i < 2; i++) {
            Path each = folder.resolve("fit-" + i);
            try (ForkJoinPool pool = new ForkJoinPool(1 + 3 * i)) {
                Callable<FitResult> fit = () -> new ScalingFit(points).result(100, 7);
                pool.submit(fit).get().write(each);
            }
            files[i] = java.nio.file.Files.readAllBytes(each.resolve(FitResult.FILE));
        }
        assertArrayEquals(files[0], files[1]);
    }

    @Test
    void shouldReadWhatItHasWritten() throws Exception {
        FitResult result = new ScalingFit(Chinchilla.points(3, 5, 0.005, 2)).result(100, 7);
        result.write(folder);
        FitResult read = FitResult.read(folder);
        assertEquals(ScalingFit.text(result), ScalingFit.text(read));
        assertArrayEquals(result.lawSamples()[99], read.lawSamples()[99]);
    }

    @Test
    void shouldRefuseFewerPointsThanAFitNeeds() {
        List<ScalingPoint> points = Chinchilla.points(3, 5, 0, 1);
        String few = assertThrows(ConfigException.class, () -> new ScalingFit(points.subList(0, 7)))
                .getMessage();
        assertTrue(few.contains("8 points") && few.contains("7 points"), few);
        List<ScalingPoint> oneBudget = Chinchilla.points(1, 12, 0.005, 1);
        String one = assertThrows(ConfigException.class, () -> new ScalingFit(oneBudget))
                .getMessage();
        assertTrue(one.contains("all points have one budget (C 1.000e+18 to 1.000e+18)"), one);
        List<ScalingPoint> twoSizes = Chinchilla.points(6, 2, 0, 1);
        assertThrows(ConfigException.class, () -> new ScalingFit(twoSizes));
    }

    @Test
    void shouldSayWhatThePointsCannotTell() {
        // No effect of size at all.
        List<ScalingPoint> flat = Chinchilla.points(4, 5, 0, 1).stream()
                .map(point -> Chinchilla.point(point.n(), point.d(), 2 + 900 / Math.pow(point.d(), 0.35)))
                .toList();
        FitResult result = new ScalingFit(flat).result(100, 1);
        assertTrue(
                result.remarks().stream().anyMatch(remark -> remark.contains("α can be anything")),
                result.remarks().toString());
    }

    @Test
    void shouldNameAPointThatIsFarFromTheLaw() {
        List<ScalingPoint> points = new java.util.ArrayList<>(Chinchilla.points(4, 6, 0.002, 4));
        ScalingPoint spoiled = points.get(9);
        points.set(
                9,
                new ScalingPoint(
                        spoiled.n(),
                        spoiled.d(),
                        spoiled.c(),
                        1.2 * spoiled.loss(),
                        0,
                        "",
                        "",
                        0,
                        0,
                        0,
                        "runs/spoiled"));
        FitResult result = new ScalingFit(points).result(100, 1);
        assertTrue(
                result.remarks().stream().anyMatch(remark -> remark.contains("outlier: runs/spoiled")),
                result.remarks().toString());
    }
}
