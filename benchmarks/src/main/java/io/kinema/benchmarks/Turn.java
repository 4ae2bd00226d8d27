package io.kinema.benchmarks;

import java.io.IOException;
import java.util.List;

/** One of several things that are measured in turn, so that what disturbs the machine disturbs them all. */
interface Turn {
    /** The others' processes fall asleep. */
    long PAUSE_MS = 50;

    /** Measures once, in a unit of its own. */
    double take() throws IOException, InterruptedException;

    /**
     * Measures all of them, one after the other.
     *
     * @param turns what is measured
     * @param rounds how often each
     * @return what each measured in each round, [turns][rounds]
     */
    static double[][] inTurn(List<Turn> turns, int rounds) throws IOException, InterruptedException {
        double[][] measured = new double[turns.size()][rounds];
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < turns.size(); i++) {
                Thread.sleep(PAUSE_MS);
                measured[i][round] = turns.get(i).take();
            }
        }
        return measured;
    }
}
