package io.kinema.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class FaultThirdsTest {
    @Test
    void shouldHaveEveryHarmInEveryPhaseInOneOfTheThirds() {
        Set<String> all = new HashSet<>();
        for (int third = 0; third < FaultThirds.THIRDS; third++) {
            List<Fault> faults = FaultThirds.of(third, 2);
            assertEquals(FaultThirds.PHASES.size(), faults.size());
            for (Fault fault : faults) {
                all.add(fault.phase() + " " + fault.harm());
            }
        }
        assertEquals(FaultThirds.PHASES.size() * FaultThirds.HARMS.size(), all.size());
    }

    @Test
    void shouldHaveAFaultInEachPhaseAndEachHarmTwiceInAThird() {
        for (int third = 0; third < FaultThirds.THIRDS; third++) {
            List<Fault> faults = FaultThirds.of(third, 2);
            assertEquals(6, faults.stream().map(Fault::phase).distinct().count());
            assertEquals(
                    List.of(2L, 2L, 2L),
                    FaultThirds.HARMS.stream()
                            .map(harm -> faults.stream()
                                    .filter(fault -> fault.harm() == harm)
                                    .count())
                            .toList());
        }
    }
}
