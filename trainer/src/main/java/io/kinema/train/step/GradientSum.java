package io.kinema.train.step;

import io.kinema.train.dist.collective.Pending;
import io.kinema.train.dist.reduction.LeafRange;
import io.kinema.train.dist.reduction.ReductionPlan;
import io.kinema.train.dist.reduction.ReductionTree;
import io.kinema.train.dist.reduction.TreeSum;
import io.kinema.train.model.ParameterLayout.Entry;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.model.ParameterVector;
import io.kinema.train.model.Parameters;
import io.kinema.train.run.ZeroStage;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.Tensor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Sums the gradients of a step's microbatches along the tree, one group of parameters at a time: on the device within a
 * rank, by reduce-scatter between ranks, which begins as soon as backward has left the group, while it goes on with the
 * groups before.
 *
 * <p>A step has rounds; after each the ranks exchange. In stage 1 there is one, in which a rank keeps the sums of
 * neighbouring microbatches; from stage 2 on a round has one microbatch of each rank, whose gradients are gone after
 * it, and the owners of shards carry partial sums from round to round.
 */
final class GradientSum implements Parameters {
    /** Vectors of each shape in stages 2 and 3: backward fills the first while the exchange sends the second. */
    private static final int AT_ONCE = 2;

    private final GroupExchange ranks;
    private final Device device;
    private final ReductionTree tree;
    /** Whether this rank sums its microbatches before it exchanges anything. */
    private final boolean keepsSums;

    private final List<ReductionPlan> plans;
    private final List<Group> groups;
    private final VectorPool pool;
    private final List<GroupSum> sums = new ArrayList<>();
    private final Deque<Sent> sent = new ArrayDeque<>();
    /** Of the blocks of one group. */
    private final Scalars squares;
    /** Of the microbatch that was begun last, in the order in which its pass has left the groups. */
    private final Scalars squaresOfGroups;

    private int round;
    private boolean isAbsent;
    private int microbatch;
    private int groupsLeft;

    /** Vectors that must not change until what is pending is over. */
    private record Sent(Optional<Pending> pending, Group group, List<ParameterVector> vectors) {}

    /** What becomes of one group in a step. */
    private static final class GroupSum {
        private final List<Tensor> shards;
        private TreeSum<ParameterVector> local;
        private ParameterVector current;
        private Tensor result;

        GroupSum(List<Tensor> shards) {
            this.shards = shards;
        }
    }

    /**
     * Allocates what sums need.
     *
     * @param ranks the exchange with the other ranks
     * @param groups of the model
     * @param tree over the microbatches of a step
     */
    GradientSum(GroupExchange ranks, List<Group> groups, ReductionTree tree) {
        this.ranks = ranks;
        this.groups = groups;
        this.tree = tree;
        device = ranks.device();
        Sharding sharding = ranks.sharding();
        keepsSums = sharding.isAlone() || sharding.stage() == ZeroStage.OPTIMIZER;
        plans = keepsSums
                ? List.of(ReductionPlan.ofWhole(tree, sharding.worldSize()))
                : ReductionPlan.ofRounds(tree, sharding.worldSize());
        pool = new VectorPool(device, device.dtype(), groups);
        if (!keepsSums) {
            pool.reserve(AT_ONCE);
        }
        int numShards = sharding.isAlone()
                ? 0
                : plans.stream().mapToInt(ReductionPlan::numResults).max().orElseThrow();
        for (Group group : groups) {
            List<Tensor> shards = new ArrayList<>();
            for (int i = 0; i < numShards; i++) {
                shards.add(device.zeros(sharding.allocated(group)));
            }
            sums.add(new GroupSum(shards));
        }
        squares = device.scalars(
                groups.stream().mapToInt(GradientSum::blocks).max().orElseThrow());
        squaresOfGroups = device.scalars(groups.size());
    }

    private static int blocks(Group group) {
        return Math.toIntExact(group.size() / Device.SHARD_ALIGNMENT);
    }

    /**
     * How many rounds a step has.
     *
     * @return 1 in stage 1; as many as the largest number of microbatches of a rank in stages 2 and 3
     */
    int numRounds() {
        return plans.size();
    }

    /**
     * This rank's microbatches of a round, ascending; none where others have one.
     *
     * @param ofRound counts from 0
     * @return numbers in the step, from 0
     */
    List<Integer> microbatches(int ofRound) {
        return leaves(ofRound)
                .map(leaves -> IntStream.range(leaves.lo(), leaves.hi()).boxed().toList())
                .orElse(List.of());
    }

    /** Neighbours: the nodes of a rank are. */
    private Optional<LeafRange> leaves(int ofRound) {
        List<LeafRange> nodes = plans.get(ofRound).nodesOf(ranks.sharding().rank());
        return nodes.isEmpty()
                ? Optional.empty()
                : Optional.of(
                        new LeafRange(nodes.getFirst().lo(), nodes.getLast().hi()));
    }

    /**
     * This rank's microbatches of a step, ascending.
     *
     * @return numbers in the step, from 0
     */
    List<Integer> microbatches() {
        return IntStream.range(0, numRounds())
                .mapToObj(this::microbatches)
                .flatMap(List::stream)
                .toList();
    }

    /**
     * Begins a round. Where this rank has no microbatch in the round, the next pass computes nothing and takes part in
     * the exchange.
     *
     * @param nextRound counts from 0
     */
    void beginRound(int nextRound) {
        round = nextRound;
        isAbsent = leaves(nextRound).isEmpty();
    }

    /**
     * Makes room for the gradients of a microbatch, which the next pass adds to this; outside any scope, as they
     * outlive it.
     *
     * @param nextMicrobatch its number in the step, one of the round
     */
    void begin(int nextMicrobatch) {
        microbatch = nextMicrobatch;
        groupsLeft = 0;
        LeafRange leaves = leaves(round).orElseThrow();
        if (nextMicrobatch == leaves.lo()) {
            for (int i = 0; i < groups.size(); i++) {
                Group group = groups.get(i);
                sums.get(i).local = new TreeSum<>(
                        tree,
                        leaves,
                        (into, term) -> device.add(into.flat(), term.flat()),
                        vector -> pool.give(group, vector));
            }
        }
        if (keepsSums) {
            pool.reserve(sums.getFirst().local.mergesNext() ? 1 : groups.size());
        }
    }

    /** The squared norms of the groups' gradients, of the microbatch that was begun last; its pass is over. */
    Scalars squaresOfGroups() {
        return squaresOfGroups;
    }

    @Override
    public Tensor get(Entry entry) {
        return sums.get(entry.group()).current.get(groups.get(entry.group()), entry);
    }

    @Override
    public void enter(Group group, Group next) {
        if (isAbsent) {
            return;
        }
        while (!pool.has(group)) {
            settle(sent.remove());
        }
        ParameterVector vector = pool.take(group);
        device.zero(vector.flat());
        sums.get(group.index()).current = vector;
    }

    private void settle(Sent oldest) {
        oldest.pending.ifPresent(Pending::await);
        oldest.vectors.forEach(vector -> pool.give(oldest.group, vector));
    }

    @Override
    public void leave(Group group) {
        GroupSum sum = sums.get(group.index());
        if (isAbsent) {
            sendToOwners(group, List.of());
            return;
        }
        clearUntrained(group, sum.current);
        device.sumOfSquares(sum.current.flat(), Device.SHARD_ALIGNMENT, squares, 0);
        device.sum(squares, blocks(group), squaresOfGroups, groupsLeft++);
        sum.local.add(microbatch, sum.current);
        sum.current = null;
        if (microbatch == leaves(round).orElseThrow().hi() - 1) {
            sendToOwners(group, sum.local.partials());
        }
    }

    /** Parameters that are not trained have no part in the gradient's norm, nor in what is judged by it. */
    private void clearUntrained(Group group, ParameterVector gradient) {
        for (Entry entry : group.entries()) {
            if (!entry.attributes().isTrainable()) {
                device.zero(gradient.get(group, entry));
            }
        }
    }

    private void sendToOwners(Group group, List<ParameterVector> partials) {
        GroupSum sum = sums.get(group.index());
        ReductionPlan plan = plans.get(round);
        if (ranks.sharding().isAlone()) {
            sum.result = partials.getFirst().flat();
            sent.add(new Sent(Optional.empty(), group, partials));
            return;
        }
        List<Tensor> shards = sum.shards.subList(0, Math.max(plan.numCarried(), plan.numResults()));
        List<Tensor> flats = partials.stream().map(ParameterVector::flat).toList();
        sum.result = sum.shards.getFirst();
        sent.add(new Sent(ranks.reduceScatter(group, plan, flats, shards), group, partials));
    }

    /** Waits for the sums; {@link #shard} then has them. */
    void await() {
        while (!sent.isEmpty()) {
            settle(sent.remove());
        }
    }

    /**
     * Returns this rank's shard of a group's gradient.
     *
     * @return [size of the shard], or [1] where that is 0; good until the next step
     */
    Tensor shard(Group group) {
        return sums.get(group.index()).result;
    }
}
