package io.kinema.train.dist.collective;

import io.kinema.train.dist.PeerLostException;
import io.kinema.train.dist.process.ExitCode;
import io.kinema.train.dist.process.ParentWatch;
import io.kinema.train.dist.process.TerminationSignals;
import io.kinema.train.dist.reduction.CollectiveBuffer;
import io.kinema.train.dist.reduction.LeafRange;
import io.kinema.train.dist.reduction.Leaves;
import io.kinema.train.dist.reduction.ReductionPlan;
import io.kinema.train.dist.reduction.ReductionTree;
import io.kinema.train.dist.reduction.ShardLayout;
import io.kinema.train.dist.rendezvous.RankIdentity;
import io.kinema.train.dist.rendezvous.RendezvousAddress;
import io.kinema.train.dist.rendezvous.Secret;
import io.kinema.train.dist.rendezvous.World;
import io.kinema.train.dist.transport.Transport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A rank in a process of its own. Arguments: rank, world size, rendezvous, driver directory, launcher's process id,
 * transport, what to do, folder for results.
 */
public final class RankMain {
    public static final int NUM_LEAVES = 7;
    public static final int LENGTH = 300_000;

    private RankMain() {}

    public static void main(String[] arguments) throws Exception {
        int rank = Integer.parseInt(arguments[0]);
        Path driver = Path.of(arguments[3]);
        ParentWatch.start(Long.parseLong(arguments[4]), driver);
        Path results = Path.of(arguments[7]);
        CollectivesConfig config = new CollectivesConfig(
                RendezvousAddress.parse(arguments[2]),
                driver,
                Transport.parse(arguments[5]),
                Duration.ofSeconds(30),
                Duration.ofSeconds(30),
                Secret.NONE);
        RankIdentity identity = new RankIdentity(rank, Integer.parseInt(arguments[1]), LocalRanks.RUN_ID, Map.of());
        try (Collectives collectives = Collectives.join(identity, config)) {
            switch (arguments[6]) {
                case "sum" -> Files.write(results.resolve("sum-" + rank), sum(collectives, 0));
                case "train" -> train(collectives, results);
                case "throw" -> failOnRankOne(collectives);
                default -> throw new IllegalArgumentException(arguments[6]);
            }
        } catch (PeerLostException e) {
            System.out.println(e.getMessage());
            System.exit(ExitCode.PEER_LOST.number());
        }
    }

    private static byte[] sum(Collectives collectives, long step) {
        World world = collectives.world();
        ReductionTree tree = new ReductionTree(NUM_LEAVES);
        StepLabel label = new StepLabel(step, "gradients");
        ShardLayout layout = new ShardLayout(LENGTH, 4, world.worldSize());
        try (Arena arena = Arena.ofShared()) {
            LeafRange leaves = tree.leavesOf(world.rank(), world.worldSize());
            List<CollectiveBuffer> partials = Leaves.partials(tree, leaves, 0, LENGTH, arena);
            MemorySegment flat = arena.allocate((long) LENGTH * Float.BYTES, Float.BYTES);
            CollectiveBuffer sum = CollectiveBuffer.of(flat, Float.BYTES);
            CollectiveBuffer shard = sum.part(layout.offset(world.rank()), layout.length(world.rank()));
            ReductionPlan plan = ReductionPlan.ofWhole(tree, world.worldSize());
            collectives
                    .reduceScatter(label, plan, partials, layout, List.of(shard))
                    .await();
            collectives.allGather(label, layout, sum).await();
            return flat.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** Steps until a signal has reached any rank; all stop at the same step and say so in a file. */
    private static void train(Collectives collectives, Path results) throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        TerminationSignals.install(signal -> stop.set(true));
        boolean isStopping = false;
        long step = 0;
        while (!isStopping) {
            sum(collectives, step);
            System.out.println("step " + step + " done");
            byte[] vote = {(byte) (stop.get() ? 1 : 0)};
            for (byte[] other : collectives.allGather(new StepLabel(step, "stop"), vote)) {
                isStopping |= other[0] == 1;
            }
            step++;
        }
        Files.writeString(results.resolve("stopped-" + collectives.world().rank()), "at step " + step);
    }

    private static void failOnRankOne(Collectives collectives) {
        for (long step = 0; step < 1_000; step++) {
            sum(collectives, step);
            if (collectives.world().rank() == 1 && step == 3) {
                throw new IllegalStateException("rank 1's gradient is not finite");
            }
        }
    }
}
