package io.kinema.train.sweep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class EstimatorTest {
    /**
     * With equal exponents loss over log N is the same to both sides of its lowest place, which that of a parabola then
     * is.
     */
    private static final PowerLaw EVEN = new PowerLaw(1.5, new double[] {300, 300}, new double[] {0.33, 0.33});

    private static Measured grid(int budgets, int sizes, PowerLaw law) {
        // The best size of a budget C is sqrt(C/6) for equal terms; sizes lie about it evenly.
        List<ScalingPoint> points = IntStream.range(0, budgets * sizes)
                .mapToObj(i -> {
                    double c = 6e18 * Math.pow(4, i / sizes);
                    double n = Math.sqrt(c / 6) * Math.pow(2, i % sizes - (sizes - 1) / 2.0);
                    return Chinchilla.point(n, c / 6 / n, law.loss(n, c / 6 / n));
                })
                .toList();
        return Measured.of(points);
    }

    @Test
    void shouldFindTheLowestPlacesOfParabolas() {
        Measured points = grid(4, 5, EVEN);
        Allocation found = new IsoFlop(points).fit(points.logLoss()).orElseThrow();
        assertEquals(4, found.optima().size());
        assertEquals(0.5, found.n().slope(), 1e-9);
        assertEquals(0.5, found.d().slope(), 1e-9);
        for (Allocation.Optimum optimum : found.optima()) {
            assertEquals((optimum.logC() - Math.log(6)) / 2, optimum.logN(), 1e-6);
        }
    }

    @Test
    void shouldFindTheLowestOfCurves() {
        // Sizes a factor of 2 apart and budgets a factor of 4: the same sizes at every other budget.
        Measured points = grid(9, 5, EVEN);
        Allocation found = new LowestCurves(points, new Line(Math.log(6), 1))
                .fit(points.logLoss())
                .orElseThrow();
        assertEquals(0.5, found.n().slope(), 0.02);
        assertEquals(0.5, found.d().slope(), 0.02);
    }

    @Test
    void shouldTakeOffWhatParabolasAreOff() {
        Measured points = Measured.of(Chinchilla.points(4, 9, 0, 0));
        double raw = new IsoFlop(points).fit(points.logLoss()).orElseThrow().n().slope();
        Estimator estimator = new Estimator(points);
        double[] start = estimator.law().place(Chinchilla.LAW);
        double found = estimator.all(points.logLoss(), start)[Quantity.ISOFLOP_N.ordinal()];
        assertTrue(Math.abs(raw - Chinchilla.A) > 0.01, "off by " + (raw - Chinchilla.A));
        assertEquals(Chinchilla.A, found, 1e-4);
    }

    @Test
    void shouldRefuseParabolasThroughTwoSizesOrOfTwoBudgets() {
        assertTrue(new IsoFlop(grid(2, 5, EVEN)).refusal().orElseThrow().contains("have 2"));
        assertTrue(new IsoFlop(grid(5, 2, EVEN)).refusal().orElseThrow().contains("have 0"));
    }

    @Test
    void shouldNotTakeAPlaceBeyondTheSizesThatWereTried() {
        // Far too small models for each budget: the larger the better.
        List<ScalingPoint> points = IntStream.range(0, 15)
                .mapToObj(i -> {
                    double c = 6e18 * Math.pow(4, i / 5);
                    double n = Math.sqrt(c / 6) / 1000 * Math.pow(2, i % 5);
                    return Chinchilla.point(n, c / 6 / n, EVEN.loss(n, c / 6 / n));
                })
                .toList();
        Measured measured = Measured.of(points);
        assertTrue(new IsoFlop(measured).fit(measured.logLoss()).isEmpty());
    }

    @Test
    void shouldTakeOnlyPointsThatAreLowerThanAllOfLessOrAsMuch() {
        double[] x = {1, 2, 2, 3, 4, 5};
        double[] loss = {9, 8, 7, 7.5, 6, 6};
        assertArrayEquals(new int[] {0, 2, 4}, Estimator.frontier(x, loss));
        // Two budgets, of which trainings are only nearly the same.
        double[] nearly = {1, 1.01, 1.02, 2.01, 2, 2.02};
        double[] losses = {9, 7, 8, 6, 6.5, 5};
        assertArrayEquals(new int[] {1, 5}, Estimator.frontier(nearly, losses));
    }

    @Test
    void shouldFindTheExponentOfAPowerLawWithoutOffset() {
        double[] x = IntStream.rangeClosed(1, 6).mapToDouble(i -> i).toArray();
        double[] y = Arrays.stream(x).map(each -> 2 - 0.07 * each).toArray();
        assertEquals(-0.07, Estimator.kaplan(x, y).orElseThrow().slope(), 1e-12);
    }

    @Test
    void shouldFindOffsetAndExponentOfTheFrontier() {
        List<ScalingPoint> points = IntStream.range(0, 8)
                .mapToObj(i -> {
                    double c = 1e12 * Math.pow(3, i);
                    double n = Math.sqrt(c / 6);
                    return Chinchilla.point(n, n, 0.1 + 30 * Math.pow(c, -0.2));
                })
                .toList();
        Measured measured = Measured.of(points);
        PowerLaw law = new Estimator(measured).frontierLaw().orElseThrow();
        assertEquals(0.1, law.offset(), 1e-3);
        assertEquals(0.2, law.exponents()[0], 1e-3);
    }
}
