package io.kinema.train.step;

import io.kinema.train.tensor.Device;
import io.kinema.train.tensor.Scalars;
import io.kinema.train.tensor.Tensor;
import java.util.Arrays;

/**
 * The sums of one rank's step: of each microbatch the squared error and the squared norm of its gradient; of this
 * rank's shards of the summed gradient the sum of squares of each block. They stay on the device until {@link #read}
 * copies all of them at once, so that nothing waits for the device before.
 */
final class StepSums {
    private final Device device;
    private final int numMicrobatches;
    private final Scalars sums;

    /**
     * What the host has read.
     *
     * @param errors by microbatch of this rank
     * @param squares of gradients, likewise
     * @param shardSquares by block, group after group
     */
    record Read(double[] errors, double[] squares, double[] shardSquares) {}

    /** Allocates for microbatches of this rank and blocks of its shards. */
    StepSums(Device device, int numMicrobatches, int numBlocks) {
        this.device = device;
        this.numMicrobatches = numMicrobatches;
        sums = device.scalars(2 * numMicrobatches + numBlocks);
    }

    /** Adds up the squared errors of a microbatch's clips; {@code index} counts this rank's microbatches. */
    void addErrors(int index, Scalars ofClips) {
        device.sum(ofClips, ofClips.count(), sums, index);
    }

    /** Adds up the squares of a microbatch's gradient. */
    void addSquares(int index, Scalars ofGroups) {
        device.sum(ofGroups, ofGroups.count(), sums, numMicrobatches + index);
    }

    /** Sums the squares of blocks of a shard. */
    void addShard(Tensor shard, int firstBlock) {
        device.sumOfSquares(shard, Device.SHARD_ALIGNMENT, sums, 2 * numMicrobatches + firstBlock);
    }

    /** Waits for the device. */
    Read read() {
        double[] all = device.read(sums);
        return new Read(
                Arrays.copyOf(all, numMicrobatches),
                Arrays.copyOfRange(all, numMicrobatches, 2 * numMicrobatches),
                Arrays.copyOfRange(all, 2 * numMicrobatches, all.length));
    }
}
