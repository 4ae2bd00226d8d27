package io.kinema.benchmarks;

import io.kinema.data.command.CommandLine;
import io.kinema.train.dist.collective.Collectives;
import io.kinema.train.dist.collective.CollectivesConfig;
import io.kinema.train.dist.collective.StepLabel;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.reduction.ReductionPlan;
import io.kinema.train.dist.reduction.ReductionTree;
import io.kinema.train.dist.rendezvous.RankIdentity;
import io.kinema.train.dist.rendezvous.RendezvousAddress;
import io.kinema.train.dist.rendezvous.RendezvousServer;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.transport.MediaDriverHost;
import io.kinema.train.dist.transport.Transport;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** A rank of Kinema's that makes all-reduces when told to, as {@link Team} says. */
public final class AllReduceRank {
    static final String RUN_ID = "allreduce";

    /** Calls whose time is taken together; after them their sums are checked. */
    private static final int BATCH = 10;

    /** Ranks of a benchmark on a busy machine may wait for long. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private final Collectives collectives;
    private final int rank;
    private final int numRanks;
    private final ReductionPlan plan;
    private Arena arena = Arena.ofShared();
    private MemorySegment input = MemorySegment.NULL;
    private MemorySegment output = MemorySegment.NULL;
    private long step;

    private AllReduceRank(Collectives collectives) {
        this.collectives = collectives;
        rank = collectives.world().rank();
        numRanks = collectives.world().worldSize();
        plan = ReductionPlan.ofWhole(new ReductionTree(numRanks), numRanks);
    }

    /**
     * Joins and answers until its standard input ends.
     *
     * @param args rank, number of ranks, address of the rendezvous, and the directory of the host's media driver;
     *     without the last the rank starts a media driver of its own, and rank 0 the rendezvous
     */
    public static void main(String[] args) {
        System.exit(CommandLine.run(() -> {
            RankIdentity identity =
                    new RankIdentity(Integer.parseInt(args[0]), Integer.parseInt(args[1]), RUN_ID, Map.of());
            if (args.length > 3) {
                serve(identity, args[2], Path.of(args[3]), Transport.IPC);
            } else {
                serveFromOwnHost(identity, args[2]);
            }
            return 0;
        }));
    }

    private static void serveFromOwnHost(RankIdentity identity, String rendezvous) throws IOException {
        try (MediaDriverHost driver = MediaDriverHost.start(identity.worldSize())) {
            if (identity.rank() > 0) {
                serve(identity, rendezvous, driver.directory(), Transport.UDP);
                return;
            }
            try (RendezvousServer _ = RendezvousServer.start(
                    RendezvousAddress.parse(rendezvous), RUN_ID, identity.worldSize(), PATIENCE, Secret.NONE)) {
                serve(identity, rendezvous, driver.directory(), Transport.UDP);
            }
        }
    }

    private static void serve(RankIdentity identity, String rendezvous, Path driver, Transport transport)
            throws IOException {
        CollectivesConfig config = new CollectivesConfig(
                RendezvousAddress.parse(rendezvous), driver, transport, PATIENCE, PATIENCE, Secret.NONE);
        try (Collectives collectives = Collectives.join(identity, config)) {
            System.out.println("ready");
            AllReduceRank rank = new AllReduceRank(collectives);
            BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
            for (String line = requests.readLine(); line != null; line = requests.readLine()) {
                String[] request = line.split(" ");
                System.out.println(rank.time(Long.parseLong(request[0]), Integer.parseInt(request[1])));
            }
            rank.arena.close();
        }
    }

    /** Milliseconds that so many all-reduces took. */
    private double time(long elements, int calls) throws IOException {
        if (input.byteSize() != elements * Float.BYTES) {
            arena.close();
            arena = Arena.ofShared();
            input = arena.allocate(elements * Float.BYTES, Long.BYTES);
            output = arena.allocate(elements * Float.BYTES, Long.BYTES);
            KnownSums.fill(input, rank);
        }
        long nanos = 0;
        for (int done = 0; done < calls; done += BATCH) {
            output.fill((byte) 0);
            collectives.barrier(label("barrier"));
            long start = System.nanoTime();
            for (int call = done; call < Math.min(calls, done + BATCH); call++) {
                allReduce();
            }
            nanos += System.nanoTime() - start;
            KnownSums.check(output, numRanks);
        }
        return nanos / 1e6;
    }

    /** Sums every rank's input into every rank's output. */
    private void allReduce() {
        collectives
                .allReduce(label("all-reduce"), plan, List.of(fp32(input)), fp32(output))
                .await();
    }

    private static CollectiveBuffer fp32(MemorySegment vector) {
        return CollectiveBuffer.of(vector, Float.BYTES);
    }

    private StepLabel label(String what) {
        return new StepLabel(step++, what);
    }
}
