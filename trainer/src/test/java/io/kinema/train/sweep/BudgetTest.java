package io.kinema.train.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class BudgetTest {
    private static final Line SIX_ND = new Line(Math.log(6), 1);

    @Test
    void shouldDivideAsHoffmannsClosedFormDoes() {
        // Hoffmann et al. (2203.15556), equation 4: N = G (C/6)^a, D = (C/6)^b / G, G = (αA / βB)^(1/(α+β)).
        PowerLaw law = new PowerLaw(1.69, new double[] {406.4, 410.7}, new double[] {0.34, 0.28});
        double c = 5.76e23;
        double g = Math.pow(0.34 * 406.4 / (0.28 * 410.7), 1 / 0.62);
        Budget.Division best = new Budget(law, SIX_ND).best(c);
        assertEquals(g * Math.pow(c / 6, 0.28 / 0.62), best.n(), best.n() * 1e-9);
        assertEquals(Math.pow(c / 6, 0.34 / 0.62) / g, best.d(), best.d() * 1e-9);
        assertEquals(law.loss(best.n(), best.d()), best.loss());
    }

    @Test
    void shouldBeBestAmongItsNeighboursWhateverATokenCosts() {
        Budget budget = new Budget(Chinchilla.LAW, new Line(2.5, 0.9));
        Budget.Division best = budget.best(1e20);
        assertTrue(best.loss() < budget.of(1e20, 1.01 * best.n()).loss());
        assertTrue(best.loss() < budget.of(1e20, 0.99 * best.n()).loss());
        assertEquals(1e20, best.d() * Math.exp(2.5 + 0.9 * Math.log(best.n())), 1e11);
    }

    @Test
    void shouldFindTheCostOfALossAndThatNoneReachesTheOffset() {
        Budget budget = new Budget(Chinchilla.LAW, SIX_ND);
        double flops = budget.flopsFor(2.2);
        assertEquals(2.2, budget.best(flops).loss(), 1e-9);
        assertTrue(Double.isInfinite(budget.flopsFor(1.8)));
    }

    @Test
    void shouldNotDivideWhereSizeDoesNotHelp() {
        PowerLaw flat = new PowerLaw(1, new double[] {1, 1}, new double[] {-0.1, 0.3});
        assertFalse(new Budget(flat, SIX_ND).isDivisible());
    }
}
