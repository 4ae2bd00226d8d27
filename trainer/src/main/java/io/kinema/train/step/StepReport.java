package io.kinema.train.step;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * What ranks tell each other of a step before anyone changes a weight.
 *
 * @param leaves one for each microbatch
 * @param shardSquares of the summed gradient: the sum of squares of each block of the rank's shards
 * @param notice what is not about the step
 */
public record StepReport(List<Leaf> leaves, double[] shardSquares, RankStatus notice) {

    /**
     * One microbatch.
     *
     * @param microbatch its number in the step
     * @param squaredError summed over all its values
     * @param gradientSquare the squared norm of its gradient
     * @param flops that its pass took
     */
    record Leaf(int microbatch, double squaredError, double gradientSquare, double flops) {
        static final int BYTES = Integer.BYTES + 3 * Double.BYTES;

        boolean isFinite() {
            return Double.isFinite(squaredError) && Double.isFinite(gradientSquare);
        }
    }

    /**
     * What a rank has to tell the others once a step.
     *
     * @param stopRequested whether it was asked to stop after this step
     * @param hasWritten whether it has written its files of the checkpoint; true where none is being written
     * @param hasFailed whether it could not write what it had to
     */
    public record RankStatus(boolean stopRequested, boolean hasWritten, boolean hasFailed) {
        private static final int STOP = 1;
        private static final int WRITTEN = 2;
        private static final int FAILED = 4;

        private byte encode() {
            return (byte) ((stopRequested ? STOP : 0) | (hasWritten ? WRITTEN : 0) | (hasFailed ? FAILED : 0));
        }

        private static RankStatus decode(byte bits) {
            return new RankStatus((bits & STOP) != 0, (bits & WRITTEN) != 0, (bits & FAILED) != 0);
        }

        /** What holds for all ranks together. */
        private RankStatus and(RankStatus other) {
            return new RankStatus(
                    stopRequested || other.stopRequested, hasWritten && other.hasWritten, hasFailed || other.hasFailed);
        }
    }

    byte[] encode() {
        ByteBuffer buffer = ByteBuffer.allocate(
                1 + Integer.BYTES + leaves.size() * Leaf.BYTES + shardSquares.length * Double.BYTES);
        buffer.put(notice.encode()).putInt(leaves.size());
        for (Leaf leaf : leaves) {
            buffer.putInt(leaf.microbatch)
                    .putDouble(leaf.squaredError)
                    .putDouble(leaf.gradientSquare)
                    .putDouble(leaf.flops);
        }
        buffer.asDoubleBuffer().put(shardSquares);
        return buffer.array();
    }

    static StepReport decode(byte[] message) {
        ByteBuffer buffer = ByteBuffer.wrap(message);
        RankStatus notice = RankStatus.decode(buffer.get());
        Leaf[] leaves = new Leaf[buffer.getInt()];
        Arrays.setAll(
                leaves, _ -> new Leaf(buffer.getInt(), buffer.getDouble(), buffer.getDouble(), buffer.getDouble()));
        double[] shardSquares = new double[buffer.remaining() / Double.BYTES];
        buffer.asDoubleBuffer().get(shardSquares);
        return new StepReport(List.of(leaves), shardSquares, notice);
    }

    /** Joins the ranks' reports, the leaves in their order; the squares stay with their ranks. */
    static StepReport join(List<StepReport> reports) {
        List<Leaf> leaves = reports.stream()
                .flatMap(report -> report.leaves.stream())
                .sorted(Comparator.comparingInt(Leaf::microbatch))
                .toList();
        RankStatus notice =
                reports.stream().map(StepReport::notice).reduce(RankStatus::and).orElseThrow();
        return new StepReport(leaves, new double[0], notice);
    }

    /** The sum over microbatches, in their order whatever the world size. */
    double squaredError() {
        return leaves.stream().mapToDouble(Leaf::squaredError).reduce(0, Double::sum);
    }

    double flops() {
        return leaves.stream().mapToDouble(Leaf::flops).reduce(0, Double::sum);
    }
}
