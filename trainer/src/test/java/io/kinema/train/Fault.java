package io.kinema.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/**
 * A harm that a rank does itself or has done to the network, once a run.
 *
 * @param number of the fault in its run; each start of the ranks gets the next, and those of the network behind it
 * @param phase of training in which it happens
 * @param harm what happens
 * @param rank to which
 * @param call at which call of the phase's method after the start, from 1
 */
record Fault(int number, Phase phase, Harm harm, int rank, int call) {
    private static final String LIST = "faults.txt";

    /** Where faults strike: at the beginning of a method. */
    enum Phase {
        JOIN("io.kinema.train.dist.collective.Collectives", "join", 1),
        LOADING("io.kinema.train.input.ClipLoader", "load", 12),
        FORWARD("io.kinema.train.model.SpacetimeDit", "forward", 60),
        BACKWARD("io.kinema.train.model.SpacetimeDit", "backward", 12),
        REDUCE("io.kinema.train.dist.collective.Collectives", "reduceScatter", 24),
        OPTIMIZER("io.kinema.train.optim.ShardedAdamW", "update", 24),
        CHECKPOINT("io.kinema.train.checkpoint.CheckpointWriter", "writeOptimizer", 2),
        RESTORE("io.kinema.train.save.StateStore", "restore", 1);

        final String className;
        final String method;

        /** About those of six steps, or of two checkpoints, of a rank with two microbatches. */
        final int calls;

        Phase(String className, String method, int calls) {
            this.className = className;
            this.method = method;
            this.calls = calls;
        }
    }

    /** What happens. Those that damage files end the process too, but for one. */
    enum Harm {
        KILL,
        STOP,
        HANG,
        THROW,
        /** The next weights are written to a full device. */
        FILL_DISK,
        /** The newest checkpoint's weights lose their second half. */
        TEAR_CHECKPOINT,
        /** A bit of the newest checkpoint's optimizer state changes. */
        FLIP_CHECKPOINT,
        /** The newest checkpoint loses its optimizer state; the process goes on. */
        LOSE_OPTIMIZER,
        /** A bit of each shard changes. */
        FLIP_SHARDS,
        /** From now on the network loses one datagram of a hundred. */
        LOSE_ONE_PERCENT,
        /** From now on the network loses one datagram of ten. */
        LOSE_TEN_PERCENT,
        /** The network loses every datagram for three seconds. */
        CUT_NETWORK;

        /** Whether it happens to the network, and all ranks live on. */
        boolean isOfNetwork() {
            return this == LOSE_ONE_PERCENT || this == LOSE_TEN_PERCENT || this == CUT_NETWORK;
        }
    }

    /** At a moment that a seed decides. */
    static Fault at(int number, Phase phase, Harm harm, int worldSize, Random random) {
        return new Fault(number, phase, harm, random.nextInt(worldSize), 1 + random.nextInt(phase.calls));
    }

    /** Leaves faults for {@link FaultAgent} in a folder. */
    static void write(Path folder, List<Fault> faults) throws IOException {
        Files.createDirectories(folder);
        List<String> lines = faults.stream()
                .map(f -> f.number + " " + f.phase + " " + f.harm + " " + f.rank + " " + f.call)
                .toList();
        Files.write(folder.resolve(LIST), lines);
    }

    static List<Fault> read(Path folder) throws IOException {
        return Files.readAllLines(folder.resolve(LIST)).stream()
                .map(line -> line.split(" "))
                .map(f -> new Fault(
                        Integer.parseInt(f[0]),
                        Phase.valueOf(f[1]),
                        Harm.valueOf(f[2]),
                        Integer.parseInt(f[3]),
                        Integer.parseInt(f[4])))
                .toList();
    }

    /** Exists once it has happened. */
    Path marker(Path folder) {
        return folder.resolve("happened-" + number);
    }

    /** Exists once a datagram was lost by it. */
    Path lossMarker(Path folder) {
        return folder.resolve("lost-" + number);
    }
}
