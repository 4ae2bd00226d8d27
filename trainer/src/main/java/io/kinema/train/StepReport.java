package io.kinema.train;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * What ranks tell each other of a step before anyone changes a weight.
 *
 * @param leaves one for each microbatch
 * @param shardSquares of the summed gradient: the sum of squares of each block of the rank's shards
 * @param stopRequested whether a rank was asked to stop after this step
 */
record StepReport(List<Leaf> leaves, double[] shardSquares, boolean stopRequested) {

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

    byte[] encode() {
        ByteBuffer buffer = ByteBuffer.allocate(
                1 + Integer.BYTES + leaves.size() * Leaf.BYTES + shardSquares.length * Double.BYTES);
        buffer.put((byte) (stopRequested ? 1 : 0)).putInt(leaves.size());
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
        boolean stopRequested = buffer.get() != 0;
        Leaf[] leaves = new Leaf[buffer.getInt()];
        Arrays.setAll(
                leaves, _ -> new Leaf(buffer.getInt(), buffer.getDouble(), buffer.getDouble(), buffer.getDouble()));
        double[] shardSquares = new double[buffer.remaining() / Double.BYTES];
        buffer.asDoubleBuffer().get(shardSquares);
        return new StepReport(List.of(leaves), shardSquares, stopRequested);
    }

    /** Joins the ranks' reports, the leaves in their order; the squares stay with their ranks. */
    static StepReport join(List<StepReport> reports) {
        List<Leaf> leaves = reports.stream()
                .flatMap(report -> report.leaves.stream())
                .sorted(Comparator.comparingInt(Leaf::microbatch))
                .toList();
        return new StepReport(leaves, new double[0], reports.stream().anyMatch(StepReport::stopRequested));
    }

    /** The sum over microbatches, in their order whatever the world size. */
    double squaredError() {
        return leaves.stream().mapToDouble(Leaf::squaredError).reduce(0, Double::sum);
    }

    double flops() {
        return leaves.stream().mapToDouble(Leaf::flops).reduce(0, Double::sum);
    }
}
