package io.kinema.train;

import io.kinema.train.Fault.Harm;
import io.kinema.train.Fault.Phase;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** All that can happen to a rank in all phases of training, in thirds that one training each goes through. */
final class FaultThirds {
    static final List<Phase> PHASES =
            List.of(Phase.LOADING, Phase.FORWARD, Phase.BACKWARD, Phase.REDUCE, Phase.OPTIMIZER, Phase.CHECKPOINT);
    static final List<Harm> HARMS = List.of(Harm.KILL, Harm.STOP, Harm.THROW);
    static final int THIRDS = HARMS.size();

    private FaultThirds() {}

    /** A fault in each phase, each harm twice, in an order, at moments and on ranks that a seed decides. */
    static List<Fault> of(int index, int worldSize) {
        Random random = new Random(41 + index);
        List<Integer> order =
                new ArrayList<>(IntStream.range(0, PHASES.size()).boxed().toList());
        Collections.shuffle(order, random);
        List<Fault> faults = new ArrayList<>();
        for (int phase : order) {
            Harm harm = HARMS.get((phase + index) % HARMS.size());
            faults.add(Fault.at(faults.size(), PHASES.get(phase), harm, worldSize, random));
        }
        return faults;
    }

    /** The first or the second half of a third. */
    static List<Fault> half(int third, int half, int worldSize) {
        List<Fault> all = of(third, worldSize);
        List<Fault> faults = new ArrayList<>();
        for (Fault fault : all.subList(half * all.size() / 2, (half + 1) * all.size() / 2)) {
            faults.add(new Fault(faults.size(), fault.phase(), fault.harm(), fault.rank(), fault.call()));
        }
        return faults;
    }
}
