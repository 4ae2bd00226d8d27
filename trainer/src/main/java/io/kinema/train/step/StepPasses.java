package io.kinema.train.step;

import io.kinema.train.diffusion.Microbatch;
import io.kinema.train.diffusion.Trainable;
import io.kinema.train.model.Gradients;
import io.kinema.train.model.ParameterLayout.Group;
import io.kinema.train.run.Recipe;
import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Tensor;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * The passes of a step on one rank: forward and backward of the rank's microbatches, round by round, while gradients
 * are summed along the tree and exchanged. Everything of a step that needs memory happens here, so that the estimate of
 * a run's memory makes the same passes on a device that only plans.
 */
public final class StepPasses {
    private final Trainable trained;
    private final TrainState state;
    private final Device device;
    private final GradientSum gradients;
    private final StepSums sums;

    /** Where the passes' microbatches come from. */
    interface Source {
        /**
         * Returns the next of this rank's microbatches.
         *
         * @return good until the next call
         * @throws IOException when a shard is damaged
         */
        Microbatch next() throws IOException;
    }

    /** One microbatch's way through the network. */
    private interface Pass<E extends Exception> {
        void run(int microbatch, Gradients to) throws E;
    }

    /**
     * What the passes gave, beside the gradients.
     *
     * @param leaves one for each microbatch of this rank
     * @param shardSquares of the summed gradient: the sum of squares of each block of this rank's shards
     */
    record Result(List<StepReport.Leaf> leaves, double[] shardSquares) {}

    /** A microbatch that has been through its pass. */
    private record Passed(int microbatch, double flops) {}

    /**
     * Allocates what every step needs; what only some steps need comes with them.
     *
     * @param config of the run
     * @param trained the network with its loss, on the device of the state
     * @param state of this rank
     */
    public StepPasses(Recipe config, Trainable trained, TrainState state) {
        this.trained = trained;
        this.state = state;
        device = state.device();
        gradients = new GradientSum(state.ranks(), state.groups(), config.tree());
        int numBlocks = state.groups().stream().mapToInt(this::blocks).sum();
        sums = new StepSums(device, gradients.microbatches().size(), numBlocks);
    }

    /** Of this rank's shard. */
    private int blocks(Group group) {
        return state.sharding().blocks(group, state.rank());
    }

    /**
     * This rank's microbatches of a step, ascending.
     *
     * @return numbers in the step, from 0
     */
    public List<Integer> microbatches() {
        return gradients.microbatches();
    }

    /**
     * Makes the passes of a step, to the end of the exchange: {@link #shard} then has the gradients. The host reads
     * what the device has summed only then.
     *
     * @param source of as many microbatches as {@link #microbatches()} names
     * @param scale of the loss
     * @return what the passes gave
     * @throws IOException when a shard is damaged
     */
    Result run(Source source, double scale) throws IOException {
        List<Passed> passed = new ArrayList<>();
        goThroughRounds((microbatch, to) -> {
            Microbatch batch = source.next();
            gradients.begin(microbatch);
            forwardBackward(passed.size(), batch, to, scale);
            passed.add(new Passed(microbatch, trained.flops(batch)));
        });
        return read(passed);
    }

    /**
     * Makes the passes of as many steps as some microbatches need, with results that nobody wants. Passes for which no
     * microbatch is left take their part in sums and exchange and compute nothing.
     *
     * @param batches in any order, or none
     */
    public void plan(List<Microbatch> batches) {
        Deque<Microbatch> left = new ArrayDeque<>(batches);
        do {
            goThroughRounds((microbatch, to) -> {
                gradients.begin(microbatch);
                if (left.isEmpty()) {
                    trained.visitGroups(to);
                } else {
                    forwardBackward(0, left.remove(), to, 1);
                }
            });
            read(List.of());
        } while (!left.isEmpty());
    }

    private <E extends Exception> void goThroughRounds(Pass<E> pass) throws E {
        Gradients to = new Gradients(state.weights(), gradients);
        for (int round = 0; round < gradients.numRounds(); round++) {
            gradients.beginRound(round);
            List<Integer> microbatches = gradients.microbatches(round);
            for (int microbatch : microbatches) {
                pass.run(microbatch, to);
            }
            if (microbatches.isEmpty()) {
                trained.visitGroups(to);
            }
        }
        gradients.await();
    }

    private void forwardBackward(int index, Microbatch batch, Gradients to, double scale) {
        try (Device.Scope _ = device.openScope()) {
            sums.addErrors(index, trained.forwardBackward(to, batch, scale));
            sums.addSquares(index, gradients.squaresOfGroups());
        }
    }

    private Result read(List<Passed> passed) {
        int firstBlock = 0;
        for (Group group : state.groups()) {
            if (blocks(group) > 0) {
                sums.addShard(gradients.shard(group), firstBlock);
                firstBlock += blocks(group);
            }
        }
        StepSums.Read read = sums.read();
        List<StepReport.Leaf> leaves = new ArrayList<>();
        for (int i = 0; i < passed.size(); i++) {
            Passed of = passed.get(i);
            leaves.add(new StepReport.Leaf(of.microbatch, read.errors()[i], read.squares()[i], of.flops));
        }
        return new Result(leaves, read.shardSquares());
    }

    /** This rank's shard of a group's gradient, good until the next passes; [1] where the shard is empty. */
    Tensor shard(Group group) {
        return gradients.shard(group);
    }
}
